"""User specs: the one place that reads strings such as `rules` or `llm:openai:MODEL`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from environments.retail.users.scripted import ScriptedUser
from environments.retail.users.user import User

UserSpec = User | Sequence[str] | str
"""A user, the replies of a scripted one, or the spec of a kind."""
KEY = "AGENTGYM_USER_API_KEY"
"""Holds the key of the customer's model, where it is another one than the agent's."""
_PLAIN = ("scripted", "rules", "query", "mute", "human")
_MODEL_KINDS = ("llm", "react", "verify", "reflection")
USER_SPECS = (*_PLAIN, *(f"{kind}:POLICY" for kind in _MODEL_KINDS))


def make_user(spec: UserSpec, *, best_of: int | None = None, settings: Mapping[str, JsonValue] | None = None) -> User:
    """The user that a spec stands for; of `llm:POLICY` and its like, `settings` are the policy's, such as `base_url`.

    The policy proposes `best_of` lines at a time, and the one that it scores highest is said.
    """
    kind, _, policy = spec.partition(":") if isinstance(spec, str) else ("", "", "")
    if isinstance(spec, str) and kind in _MODEL_KINDS:
        return _model_user(kind, policy, 1 if best_of is None else best_of, dict(settings or {}))
    if best_of is not None or settings:
        raise UsageError(f"best_of and settings are for a user such as llm:POLICY, not for {spec!r}")
    if isinstance(spec, User):
        return spec
    if isinstance(spec, str):
        return _plain_user(spec)
    return _scripted(spec)


def _scripted(replies: Sequence[str]) -> User:
    listed: object = replies
    if not isinstance(listed, (list, tuple)) or not all(isinstance(reply, str) for reply in listed):
        raise UsageError(f"user={replies!r}: give a list of replies, all text, or one of: {', '.join(USER_SPECS)}")
    return ScriptedUser(replies)


def _plain_user(spec: str) -> User:
    if spec == "scripted":
        return ScriptedUser()
    if spec == "rules":
        from environments.retail.users.rules import RulesUser

        return RulesUser()
    if spec == "query":
        from environments.retail.users.query import QueryUser

        return QueryUser()
    if spec == "mute":
        from environments.retail.users.mute import MuteUser

        return MuteUser()
    if spec == "human":
        from environments.retail.users.human import HumanUser

        return HumanUser()
    told = did_you_mean(spec.partition(":")[0], (*_PLAIN, *_MODEL_KINDS))
    raise UnknownNameError(f"no user {spec!r}; {told}; there are: {', '.join(USER_SPECS)}, and a list of replies")


def _model_user(kind: str, policy: str, best_of: int, settings: dict[str, JsonValue]) -> User:
    from agentgym.policies.specs import asks_a_model, make_policy
    from environments.retail.users.llm import LlmUser
    from environments.retail.users.react import ReactUser
    from environments.retail.users.reflection import ReflectionUser
    from environments.retail.users.verify import VerifyUser

    if not policy:
        raise UsageError(f"the user {kind!r} is not complete; write {kind}:POLICY, such as {kind}:openai:MODEL")
    if "api_key" in settings:
        raise UsageError(f"settings are written down, and a key must not be: set {KEY}, or OPENAI_API_KEY")
    asks = asks_a_model(policy)
    if settings and not asks:
        raise UsageError(f"{policy} takes no settings; they are for openai:MODEL and litellm:MODEL")
    if asks and os.environ.get(KEY):
        settings["api_key"] = os.environ[KEY]
    kinds = {"llm": LlmUser, "react": ReactUser, "verify": VerifyUser, "reflection": ReflectionUser}
    return kinds[kind](make_policy(policy, **settings), best_of=best_of)
