"""Policy specs: the one place that reads strings such as `idle`, `scripted:FILE` or `openai:MODEL`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agentgym.entrypoints import entry_points
from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from agentgym.policy import Policy

if TYPE_CHECKING:
    from openai import AsyncOpenAI

GROUP = "agentgym.policies"
"""Entry points of policies that others bring: classes made without arguments, or of what stands behind `name:`."""
_MODEL_KINDS = ("openai", "litellm")
AGENTFLOW = "agentflow"
_GIVEN = frozenset({"model", "transport", "client"})
"""What is no setting: it stands in the spec, or no spec can say it."""


def make_policy(spec: str, **settings: Any) -> Policy:
    """The policy a spec string stands for; `settings` are for those that ask a model, such as `base_url`.

    `client="sdk"` sends the calls of `openai:MODEL` through the openai package. `agentflow:POLICY` takes settings of
    its own besides, such as `roles={"verifier": "openai:MODEL"}`; all others go to the policies it is built of.
    """
    kind, _, rest = spec.partition(":")
    if kind in _PLAIN and not rest:
        return _PLAIN[kind]()
    if kind in _MODEL_KINDS:
        return _model(kind, _needed(rest, f"{kind}:MODEL", spec), settings)
    if kind == "scripted":
        return _scripted(_needed(rest, "scripted:FILE.jsonl", spec))
    if kind == "replay":
        return _replay(_needed(rest, "replay:RUN", spec))
    if kind == "mock":
        return _mock(_needed(rest, "mock:TEXT", spec))
    if kind == AGENTFLOW:
        return _agentflow(_needed(rest, f"{AGENTFLOW}:POLICY", spec), settings)
    installed = entry_points(GROUP)
    if spec in installed:
        return _installed(spec, installed[spec])
    if kind in installed and rest:
        return _installed(kind, installed[kind], rest, **settings)
    raise UnknownNameError(f"no policy {spec!r}; there are: {', '.join((*POLICY_SPECS, *installed))}")


def asks_a_model(spec: str) -> bool:
    """Whether the policy takes settings of a model, and may cost money."""
    kind, _, rest = spec.partition(":")
    if kind == AGENTFLOW:
        return asks_a_model(rest)
    return kind in _MODEL_KINDS or (bool(rest) and kind in entry_points(GROUP))


def load_maker(name: str, target: str) -> Callable[..., Policy]:
    """What makes an installed policy; UsageError where there is none."""
    module, _, attribute = target.partition(":")
    try:
        maker: Callable[..., Policy] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the policy {name!r} ({target}) cannot be made: {error}; mend what brings it") from error
    return maker


def _installed(name: str, target: str, *given: str, **settings: Any) -> Policy:
    """Made of what stands behind the colon, if anything does, and then with settings too."""
    cls = load_maker(name, target)
    try:
        settings = {key: value for key, value in settings.items() if value is not None}
        _check_settings(name, cls, settings)
        policy = cls(*given, **settings)
    except TypeError as error:
        raise UsageError(f"the policy {name!r} ({target}) cannot be made: {error}; mend what brings it") from error
    if not isinstance(policy, Policy):
        raise UsageError(f"the policy {name!r} ({target}) is a {type(policy).__name__} and no Policy")
    return policy


def _check_settings(spec: str, cls: Any, settings: Mapping[str, Any]) -> None:
    known = sorted(set(inspect.signature(cls).parameters) - _GIVEN)
    for name in settings:
        if name not in known:
            raise UsageError(f"{spec} takes no setting {name!r}; {did_you_mean(name, known)}")


def _needed(rest: str, form: str, spec: str) -> str:
    if not rest:
        raise UsageError(f"the policy {spec!r} is not complete; write {form}")
    return rest


def _model(kind: str, model: str, settings: dict[str, Any]) -> Policy:
    from agentgym.policies.litellm import LiteLLMPolicy
    from agentgym.policies.openai import OpenAIPolicy

    client = settings.pop("client", None)
    cls = OpenAIPolicy if kind == "openai" else LiteLLMPolicy
    known = set(inspect.signature(cls).parameters) - _GIVEN
    for name in settings:
        if name not in known:
            raise UsageError(f"{kind}:{model} takes no setting {name!r}; {did_you_mean(name, sorted(known))}")
    if client == "sdk" and kind == "openai":
        url = settings["base_url"] = settings.get("base_url") or os.environ.get("OPENAI_BASE_URL")
        return OpenAIPolicy(model, client=partial(_sdk_client, url, settings.get("api_key")), **settings)
    if client not in (None, "own"):
        raise UsageError(f'client={client!r}: write "own", or "sdk" for openai:MODEL')
    return cls(model, **settings)


def _sdk_client(base_url: str | None, api_key: str | None) -> AsyncOpenAI:
    """The SDK's client, with what tells it where and with which key; a query goes with each request of the policy."""
    from openai import AsyncOpenAI, OpenAIError

    from agentgym.policies.endpoint import checked_url

    address = checked_url(base_url).partition("?")[0] if base_url else None
    key = api_key or os.environ.get("OPENAI_API_KEY") or "EMPTY"
    try:
        return AsyncOpenAI(base_url=address, api_key=key, max_retries=0)
    except OpenAIError as error:
        raise UsageError(f"the openai client cannot be made: {error}") from None


def _idle() -> Policy:
    from agentgym.policies.idle import IdlePolicy

    return IdlePolicy()


def _random() -> Policy:
    from agentgym.policies.random import RandomPolicy

    return RandomPolicy()


def _oracle() -> Policy:
    from agentgym.policies.oracle import OraclePolicy

    return OraclePolicy()


def _human() -> Policy:
    from agentgym.policies.human import HumanPolicy

    return HumanPolicy()


def _scripted(path: str) -> Policy:
    from agentgym.policies.scripted import ScriptedPolicy

    return ScriptedPolicy.from_file(path)


def _mock(text: str) -> Policy:
    from agentgym.policies.mock import MockPolicy

    return MockPolicy(text)


def _agentflow(planner: str, settings: dict[str, Any]) -> Policy:
    """The agent, of policies by their specs; who plays the other roles may be told with settings of their own."""
    from agentgym.flow.policy import OPTIONS, AgentFlowPolicy

    if planner.partition(":")[0] == AGENTFLOW:
        raise UsageError(f"{AGENTFLOW}:{planner}: the planner cannot be such an agent itself; write {AGENTFLOW}:POLICY")
    roles = settings.pop("roles", None) or {}
    if not isinstance(roles, Mapping):
        raise UsageError(f'roles={roles!r}: write {{"verifier": "openai:MODEL"}}')
    options = {name: settings.pop(name) for name in OPTIONS if name in settings}
    told = {role: _told(role, given) for role, given in roles.items()}
    made = {role: _player(given, settings) for role, given in told.items()}
    specs = {role: given["policy"] for role, given in told.items() if isinstance(given["policy"], str)}
    asks = asks_a_model(planner)
    return AgentFlowPolicy(
        make_policy(planner, **settings if asks else {}), roles=made, prompted=asks, specs=specs, **options
    )


def _told(role: str, given: Any) -> dict[str, Any]:
    """Who plays a role, and with which settings."""
    told = dict(given) if isinstance(given, Mapping) else {"policy": given}
    if not isinstance(told.get("policy"), str | Policy):
        raise UsageError(f'the role {role!r} is {given!r}; write a policy such as "openai:MODEL", or {{"policy": ...}}')
    return told


def _player(told: dict[str, Any], settings: dict[str, Any]) -> Policy:
    """A role's own settings come before those of all."""
    policy = told["policy"]
    if isinstance(policy, Policy):
        return policy
    own = {name: value for name, value in told.items() if name != "policy"}
    if not asks_a_model(policy):
        if own:
            raise UsageError(f"{policy} takes no settings; they are for openai:MODEL and litellm:MODEL")
        return make_policy(policy)
    shared = dict(settings)
    if "base_url" in own and own["base_url"] != settings.get("base_url"):
        shared.pop("api_key", None)  # it is for another endpoint
    return make_policy(policy, **shared | own)


def _replay(folder: str) -> Policy:
    from agentgym.policies.replay import ReplayPolicy

    return ReplayPolicy(folder)


_PLAIN: dict[str, Callable[[], Policy]] = {
    "idle": _idle,
    "random": _random,
    "oracle": _oracle,
    "human": _human,
}
POLICY_SPECS = (
    *_PLAIN,
    "scripted:FILE.jsonl",
    "mock:TEXT",
    "openai:MODEL",
    "litellm:MODEL",
    "replay:RUN",
    f"{AGENTFLOW}:POLICY",
)
