"""What tests of environments and policies need: shipped to users, imported by nothing else.

Every name below is imported when it is first used.
"""

from agentgym.lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentgym.testing.chat import ChatRequest as ChatRequest
    from agentgym.testing.chat import FakeReply as FakeReply
    from agentgym.testing.check import CheckReport as CheckReport
    from agentgym.testing.check import Finding as Finding
    from agentgym.testing.check import Score as Score
    from agentgym.testing.check import check_env as check_env
    from agentgym.testing.endpoint import FakeEndpoint as FakeEndpoint
    from agentgym.testing.misbehaviour import Faults as Faults
    from agentgym.testing.misbehaviour import Lognormal as Lognormal
    from agentgym.testing.misbehaviour import Trouble as Trouble
    from agentgym.testing.refusals import context_too_long as context_too_long
    from agentgym.testing.refusals import too_many_requests as too_many_requests
    from agentgym.testing.refusals import unknown_model as unknown_model
    from agentgym.testing.traffic import Stats as Stats
    from agentgym.testing.virtual_time import VirtualTimeLoop as VirtualTimeLoop
    from agentgym.testing.virtual_time import virtual_backend as virtual_backend

_HOMES = {
    "agentgym.testing.chat": ("ChatRequest", "FakeReply"),
    "agentgym.testing.check": ("CheckReport", "Finding", "Score", "check_env"),
    "agentgym.testing.endpoint": ("FakeEndpoint",),
    "agentgym.testing.misbehaviour": ("Faults", "Lognormal", "Trouble"),
    "agentgym.testing.refusals": ("context_too_long", "too_many_requests", "unknown_model"),
    "agentgym.testing.traffic": ("Stats",),
    "agentgym.testing.virtual_time": ("VirtualTimeLoop", "virtual_backend"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF]


__getattr__, __dir__ = lazily(__name__, _HOME_OF)
