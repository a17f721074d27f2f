"""What the agent is shown."""

from __future__ import annotations

from agentgym.steps import Observation
from agentgym.tools import ToolError


class UserLine(Observation):
    """What the customer says."""


class ToolResult(Observation):
    """What a tool answered to a call that fits its schema; a refusal by the shop's rules is an answer too."""

    tool: str
    changed: bool = False
    """Whether anything in the shop is different now."""
    failed: bool = False
    """Whether the text is an error."""


class CallError(ToolError):
    """What became of a call that does not fit the schema; in the `compat` profile it may have changed something."""

    changed: bool = False
