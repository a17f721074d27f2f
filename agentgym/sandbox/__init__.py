"""Sandboxes: programs that nobody trusts, run on cases, and what was seen of each."""

from agentgym.lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentgym.sandbox.checkers import agree as agree
    from agentgym.sandbox.contract import Allowance as Allowance
    from agentgym.sandbox.contract import Case as Case
    from agentgym.sandbox.contract import CaseResult as CaseResult
    from agentgym.sandbox.contract import Isolation as Isolation
    from agentgym.sandbox.contract import Program as Program
    from agentgym.sandbox.contract import Sandbox as Sandbox
    from agentgym.sandbox.e2b import E2BSandbox as E2BSandbox
    from agentgym.sandbox.fusion import FusionSandbox as FusionSandbox
    from agentgym.sandbox.local import LocalSandbox as LocalSandbox
    from agentgym.sandbox.plain import PlainSandbox as PlainSandbox
    from agentgym.sandbox.specs import make_sandbox as make_sandbox

_HOMES = {
    "agentgym.sandbox.checkers": ("agree",),
    "agentgym.sandbox.contract": ("Allowance", "Case", "CaseResult", "Isolation", "Program", "Sandbox"),
    "agentgym.sandbox.e2b": ("E2BSandbox",),
    "agentgym.sandbox.fusion": ("FusionSandbox",),
    "agentgym.sandbox.local": ("LocalSandbox",),
    "agentgym.sandbox.plain": ("PlainSandbox",),
    "agentgym.sandbox.specs": ("make_sandbox",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF]

__getattr__, __dir__ = lazily(__name__, _HOME_OF)
