"""agentgym: typed async environments, policies that roll out against them, and the records both leave.

Every name below is imported when it is first used, so that starting costs nothing.
"""

from agentgym.lazy import lazily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentgym.caps import capped as capped
    from agentgym.crew import Budget as Budget
    from agentgym.env import Env as Env
    from agentgym.episode import Episode as Episode
    from agentgym.errors import AgentGymError as AgentGymError
    from agentgym.jobs import Job as Job
    from agentgym.limits import Limits as Limits
    from agentgym.lines import Retries as Retries
    from agentgym.messages import Conversation as Conversation
    from agentgym.messages import Message as Message
    from agentgym.messages import TokenSpan as TokenSpan
    from agentgym.messages import ToolCall as ToolCall
    from agentgym.messages import Turn as Turn
    from agentgym.messages import Usage as Usage
    from agentgym.play import rollout as rollout
    from agentgym.policies.human import HumanPolicy as HumanPolicy
    from agentgym.policies.idle import IdlePolicy as IdlePolicy
    from agentgym.policies.openai import OpenAIPolicy as OpenAIPolicy
    from agentgym.policies.oracle import OraclePolicy as OraclePolicy
    from agentgym.policies.random import RandomPolicy as RandomPolicy
    from agentgym.policies.scripted import ScriptedPolicy as ScriptedPolicy
    from agentgym.policies.specs import make_policy as make_policy
    from agentgym.policy import Context as Context
    from agentgym.policy import Policy as Policy
    from agentgym.policy import Session as Session
    from agentgym.portal import run_sync as run_sync
    from agentgym.registry import env_ids as env_ids
    from agentgym.registry import make as make
    from agentgym.runner import RunResult as RunResult
    from agentgym.runner import rollouts as rollouts
    from agentgym.runner import run as run
    from agentgym.runs import read_episodes as read_episodes
    from agentgym.steps import Observation as Observation
    from agentgym.steps import Reset as Reset
    from agentgym.steps import Step as Step
    from agentgym.steps import Task as Task
    from agentgym.suite import Suite as Suite
    from agentgym.suite import load_suite as load_suite
    from agentgym.toolenv import ToolEnv as ToolEnv
    from agentgym.tools import BadCall as BadCall
    from agentgym.tools import Say as Say
    from agentgym.tools import ToolAction as ToolAction
    from agentgym.tools import ToolError as ToolError
    from agentgym.tools import tool as tool

__version__ = "0.1.0"

_HOMES = {
    "agentgym.caps": ("capped",),
    "agentgym.crew": ("Budget",),
    "agentgym.env": ("Env",),
    "agentgym.episode": ("Episode",),
    "agentgym.errors": ("AgentGymError",),
    "agentgym.jobs": ("Job",),
    "agentgym.limits": ("Limits",),
    "agentgym.lines": ("Retries",),
    "agentgym.messages": ("Conversation", "Message", "TokenSpan", "ToolCall", "Turn", "Usage"),
    "agentgym.play": ("rollout",),
    "agentgym.policies.human": ("HumanPolicy",),
    "agentgym.policies.idle": ("IdlePolicy",),
    "agentgym.policies.openai": ("OpenAIPolicy",),
    "agentgym.policies.oracle": ("OraclePolicy",),
    "agentgym.policies.random": ("RandomPolicy",),
    "agentgym.policies.scripted": ("ScriptedPolicy",),
    "agentgym.policies.specs": ("make_policy",),
    "agentgym.policy": ("Context", "Policy", "Session"),
    "agentgym.portal": ("run_sync",),
    "agentgym.registry": ("env_ids", "make"),
    "agentgym.runner": ("RunResult", "rollouts", "run"),
    "agentgym.runs": ("read_episodes",),
    "agentgym.steps": ("Observation", "Reset", "Step", "Task"),
    "agentgym.suite": ("Suite", "load_suite"),
    "agentgym.toolenv": ("ToolEnv",),
    "agentgym.tools": ("BadCall", "Say", "ToolAction", "ToolError", "tool"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME_OF]


__getattr__, __dir__ = lazily(__name__, _HOME_OF)
