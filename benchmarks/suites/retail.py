"""Customer service of an online shop, on a world of our own or on the original's."""

from agentgym.suite import Suite

SUITE = Suite(
    id="retail",
    environment="retail",
    description="Serve the customers of an online shop, ours or that of --data DIR: change, answer, refuse.",
    split="test",
    settings={"user": "rules"},
    metrics=("environments.retail.figures:conduct", "environments.retail.users.costs:user_costs"),
)
