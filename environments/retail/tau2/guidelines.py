"""The shop's policy where tau2-bench's data bring none of their own."""

from __future__ import annotations

from environments.retail.guidelines import POLICY

TAU2_POLICY = f"""\
{POLICY}
## Handing over to a human agent

- Call the tool that transfers the customer, and then tell them that you are handing them over. The conversation is not
  over before they end it.
"""
POLICY_FILE = "policy.md"
"""Beside the data; what it says is told to agents as it is."""
