"""Policy specs: the one place that reads strings such as `idle`, `scripted:FILE` or `openai:MODEL`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from agentgym.entrypoints import entry_points
from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from agentgym.policy import Policy

GROUP = "agentgym.policies"
"""Entry points of policies that others bring, each a class that is made without arguments."""
_MODEL_KINDS = ("openai", "litellm")


def make_policy(spec: str, **settings: Any) -> Policy:
    """The policy a spec string stands for; `settings` are for those that ask a model, such as `base_url`.

    `client="sdk"` sends the calls of `openai:MODEL` through the openai package.
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
    installed = entry_points(GROUP)
    if spec in installed:
        return _installed(spec, installed[spec])
    raise UnknownNameError(f"no policy {spec!r}; there are: {', '.join((*POLICY_SPECS, *installed))}")


def asks_a_model(spec: str) -> bool:
    """Whether the policy takes settings of a model, and may cost money."""
    return spec.partition(":")[0] in _MODEL_KINDS


def _installed(name: str, target: str) -> Policy:
    module, _, attribute = target.partition(":")
    try:
        policy = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise UsageError(f"the policy {name!r} ({target}) cannot be made: {error}; mend what brings it") from error
    if not isinstance(policy, Policy):
        raise UsageError(f"the policy {name!r} ({target}) is a {type(policy).__name__} and no Policy")
    return policy


def _needed(rest: str, form: str, spec: str) -> str:
    if not rest:
        raise UsageError(f"the policy {spec!r} is not complete; write {form}")
    return rest


def _model(kind: str, model: str, settings: dict[str, Any]) -> Policy:
    from agentgym.policies.litellm import LiteLLMPolicy
    from agentgym.policies.openai import OpenAIPolicy

    client = settings.pop("client", None)
    cls = OpenAIPolicy if kind == "openai" else LiteLLMPolicy
    known = set(inspect.signature(cls).parameters) - {"model", "transport", "client"}
    for name in settings:
        if name not in known:
            raise UsageError(f"{kind}:{model} takes no setting {name!r}; {did_you_mean(name, sorted(known))}")
    if client == "sdk" and kind == "openai":
        return OpenAIPolicy(model, client=_sdk_client(settings), **settings)
    if client not in (None, "own"):
        raise UsageError(f'client={client!r}: write "own", or "sdk" for openai:MODEL')
    return cls(model, **settings)


def _sdk_client(settings: dict[str, Any]) -> Any:
    """The SDK's client, with what tells it where and with which key."""
    from openai import AsyncOpenAI, OpenAIError

    key = settings.pop("api_key", None) or os.environ.get("OPENAI_API_KEY") or "EMPTY"
    try:
        return AsyncOpenAI(base_url=settings.pop("base_url", None), api_key=key, max_retries=0)
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


def _replay(folder: str) -> Policy:
    from agentgym.policies.replay import ReplayPolicy

    return ReplayPolicy(folder)


_PLAIN: dict[str, Callable[[], Policy]] = {
    "idle": _idle,
    "random": _random,
    "oracle": _oracle,
    "human": _human,
}
POLICY_SPECS = (*_PLAIN, "scripted:FILE.jsonl", "openai:MODEL", "litellm:MODEL", "replay:RUN")
