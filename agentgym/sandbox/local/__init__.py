"""The local sandbox: warm interpreters on this machine that fork a confined process for every program."""

from agentgym.lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentgym.sandbox.local.sandbox import LocalSandbox as LocalSandbox

_HOME_OF = {"LocalSandbox": "agentgym.sandbox.local.sandbox"}

__all__ = ["LocalSandbox"]  # by `__getattr__`: the files that run inside import none of it

__getattr__, __dir__ = lazily(__name__, _HOME_OF)
