"""Customer service of an online shop: look orders up, change them as the policy allows, and talk with the customer."""
