"""What a run lends to all that happens in its episodes: agents, users and judges find it here by themselves."""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentgym.caps import Caps
    from agentgym.journal import Journal
    from agentgym.lines import Lines
    from agentgym.messages import Tally
    from agentgym.sandbox.lending import Sandboxes


LINES: ContextVar[Lines | None] = ContextVar("agentgym.lines", default=None)
"""The lines of the run that is going on; a call made outside a run has its own."""
JOURNAL: ContextVar[Journal | None] = ContextVar("agentgym.journal", default=None)
"""Where the episode that is being played writes down what it is told; nowhere, outside a run."""
CAPS: ContextVar[Caps | None] = ContextVar("agentgym.caps", default=None)
"""How many users of each resource the run allows at a time."""
TALLY: ContextVar[Tally | None] = ContextVar("agentgym.tally", default=None)
"""Where it is counted what models use up: those that the environment asks, such as one that plays a customer, while it
acts; else all of the episode."""
SANDBOXES: ContextVar[Sandboxes | None] = ContextVar("agentgym.sandboxes", default=None)
"""The sandboxes that the episodes of the run share; outside a run each environment has its own."""
