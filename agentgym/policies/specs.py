"""Policy specs: the one place that reads strings such as `idle`, `scripted:FILE` or `openai:MODEL`."""

from __future__ import annotations

from collections.abc import Callable

from agentgym.errors import UnknownNameError, UsageError
from agentgym.policy import Policy


def make_policy(spec: str, *, base_url: str | None = None) -> Policy:
    """The policy a spec string stands for."""
    kind, _, rest = spec.partition(":")
    if kind in _PLAIN and not rest:
        return _PLAIN[kind]()
    if kind == "scripted":
        return _scripted(_needed(rest, "scripted:FILE.jsonl", spec))
    if kind == "openai":
        return _openai(_needed(rest, "openai:MODEL", spec), base_url)
    raise UnknownNameError(f"no policy {spec!r}; there are: {', '.join(POLICY_SPECS)}")


def _needed(rest: str, form: str, spec: str) -> str:
    if not rest:
        raise UsageError(f"the policy {spec!r} is not complete; write {form}")
    return rest


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


def _openai(model: str, base_url: str | None) -> Policy:
    from agentgym.policies.openai import OpenAIPolicy

    return OpenAIPolicy(model, base_url=base_url)


_PLAIN: dict[str, Callable[[], Policy]] = {
    "idle": _idle,
    "random": _random,
    "oracle": _oracle,
    "human": _human,
}
POLICY_SPECS = (*_PLAIN, "scripted:FILE.jsonl", "openai:MODEL")
