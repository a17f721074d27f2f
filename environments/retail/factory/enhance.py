"""Requests in other words: a model rewrites what the customer says first, and keeps all that identifies anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Self

from agentgym.caps import capped
from agentgym.messages import Conversation, Message, Usage
from agentgym.policy import Policy
from agentgym.seeds import derive_seed
from environments.retail.database import RetailDB
from environments.retail.task import RetailTask
from environments.retail.users.user import User, UserSession
from environments.retail.users.voice import Voice

RETRIES = 2
"""So often a rewriting is asked for again that lost something; then the request stays as it is."""
PROMPT = """\
Rewrite what a customer of an online shop says, so that it sounds like a real person writing to customer service.

- Keep the language, the meaning and all that is asked for; add no wish and no promise.
- Keep every order id, e-mail address, zip code, item id, payment method, amount and name exactly as it stands.
- Answer with the rewritten text alone."""
_LOST = "That text is not usable: {}. Rewrite the customer's words once more, by the same rules."
_IDENTIFIER = re.compile(
    "|".join(
        (
            r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # e-mail addresses
            r"(?<!\w)#?[Ww]\d+",  # orders
            r"(?<![A-Za-z0-9_])[a-z]+(?:_[a-z]+)*_\d+",  # users and payment methods
            r"(?<![\w.])\d{5,}(?![\w]|\.\d)",  # zip codes, items and products
        )
    ),
    re.ASCII,
)
"""In any language around them: letters of other scripts may touch them."""
_INTRODUCED = re.compile(
    r"(?i:\bname is|\bnamed|\bi am|\bi['\u2019]m|\bthis is)\s+([^\W\d_][\w'-]*(?:\s+[^\W\d_][\w'-]*)+)"
)
"""What may be a name: of it the words that begin with a capital."""


def identifiers(text: str, names: Collection[str] = ()) -> set[str]:
    """Ids, addresses and zip codes of a text, and those of the full names that stand in it."""
    found = {match.lstrip("#").casefold() for match in _IDENTIFIER.findall(text)}
    plain = " ".join(text.casefold().split())
    return found | {name for name in names if name in plain}


def lost_in(rewritten: str, original: str, names: Collection[str] = ()) -> list[str]:
    """What is wrong with a rewriting; nothing, where it can stand for the original."""
    before, after = identifiers(original, names), identifiers(rewritten, names)
    plain = " ".join(rewritten.casefold().split())
    missing = (before - after) | {name for name in _introduced(original) if name not in plain}
    told = [f"{name!r} is missing" for name in sorted(missing)]
    told += [f"{name!r} was not there before" for name in sorted(after - before)]
    return told if rewritten.strip() else ["it is empty"]


def _introduced(text: str) -> Iterator[str]:
    """The full names by which people introduce themselves, whoever they are."""
    for words in _INTRODUCED.findall(text):
        capitalised = list(takewhile(lambda word: word[:1].isupper(), words.split()))
        if len(capitalised) > 1:
            yield " ".join(capitalised).casefold()


async def enhance(query: str, voice: Voice, names: Collection[str] = ()) -> str:
    """The request in other words, or as it is, where none keep what they must."""
    conversation = Conversation([Message("system", PROMPT), Message("user", query)])
    for _ in range(1 + RETRIES):
        rewritten = await voice.ask(conversation, role="enhance")
        problems = lost_in(rewritten, query, names)
        if not problems:
            return rewritten
        conversation.extend([Message("assistant", rewritten), Message("user", _LOST.format("; ".join(problems)))])
    return query


class EnhancedUser(User):
    """Has its request rewritten by a policy before the first line; all else is another user's."""

    def __init__(self, user: User, policy: Policy) -> None:
        self._user = user
        self._policy = policy
        self.converses = user.converses

    @property
    def name(self) -> str:
        return f"enhanced:{self._policy.name}"

    def start(self, task: RetailTask, *, db: RetailDB, seed: int) -> UserSession:
        return EnhancedSession(self._user, Voice(self._policy, derive_seed(seed, "enhance")), task, db, seed)


class EnhancedSession(UserSession):
    """One customer whose request is rewritten when they are greeted."""

    def __init__(self, user: User, voice: Voice, task: RetailTask, db: RetailDB, seed: int) -> None:
        self.rewritten: str | None = None
        """The request in other words; None where it stayed as it was."""
        self._user = user
        self._voice = voice
        self._task = task
        self._db = db
        self._seed = seed
        self._session: UserSession | None = None

    async def reply(self, line: str) -> str:
        if self._session is None:
            task = await self._enhanced()
            self._session = self._user.start(task, db=self._db, seed=self._seed)
        return await self._session.reply(line)

    def fork(self) -> Self:
        twin = type(self)(self._user, self._voice.fork(), self._task, self._db, self._seed)
        twin.rewritten = self.rewritten
        twin._session = None if self._session is None else self._session.fork()
        return twin

    def take_usage(self) -> Usage:
        used = self._voice.take_usage()
        return used if self._session is None else used + self._session.take_usage()

    async def aclose(self) -> None:
        await self._voice.aclose()
        if self._session is not None:
            await self._session.aclose()

    async def _enhanced(self) -> RetailTask:
        query = self._task.instruction
        if not query.strip():
            return self._task
        async with capped("user"):
            found = await enhance(query, self._voice, _names_in(self._db))
        if found == query:
            return self._task
        self.rewritten = found
        return self._task.model_copy(update={"instruction": found})


@lru_cache(maxsize=4)
def _names_in(db: RetailDB) -> frozenset[str]:
    """The full names of all customers."""
    return frozenset(_full_names(db))


def _full_names(db: RetailDB) -> Iterator[str]:
    for user in db.users.values():
        yield f"{user['name']['first_name']} {user['name']['last_name']}".casefold()
