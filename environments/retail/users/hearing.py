"""What a line of the agent asks for, as far as rules can tell."""

from __future__ import annotations

import re
from typing import Literal

Topic = Literal["identity", "consent", "reason", "payment", "address", "order", "items", "more", "wants"]

_EACH_END = 3000
"""So much of the beginning and of the end of a long line is listened to, for that must not take long."""
_SENTENCE = re.compile(r"(?<=[.?!])\s+|\n+")
_ORDER = re.compile(r"#W\d+")


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


_ASKS = _any(
    r"\?",
    r"\b(?:please|could you|can you|may i|provide|let me know|tell me|share|specify|which|what)\b",
    r"\bi(?: will|'ll)? need\b",
)
_EXPLICIT = _any(
    r"\(yes|yes or no|yes/no",
    r"[\"']yes[\"']",
    r"\b(?:say|reply|answer)(?: with)? yes\b",
    r"\b(?:go ahead|proceed)\b",
)
_OFFERS = _any(
    r"\b(?:shall|should|may|can|do you want|would you like|want|like) (?:i|me|us|we)\b(?! (?:have|know|get|ask))"
)
_OPEN = _any(r"\b(?:which|what|where|how|why|who)\b")
_WEAK = _any(
    r"\b(?:confirm|correct|agree|approve|consent)\b",
    r"\b(?:is|are) (?:that|this|it|these|everything|all) (?:right|ok|okay|fine|alright)\b",
    r"\b(?:does|do) (?:that|this|these|it) (?:work|sound|look)\b|\bsounds? good\b|\b(?:ok|okay|right|alright)\?",
)
_IDENTITY = _any(
    r"\be-?mail\b",
    r"\bzip(?: code)?\b(?!:? \d)",
    r"\bpostal code\b",
    r"\byour (?:full |first |last )*names?\b",
    r"\buser ?(?:id|name)\b",
    r"\bidentif|\bidentity\b|\bauthenticate|\bverify (?:you|who)|\bwho you are\b",
)
_TOPICS: dict[Topic, re.Pattern[str]] = {
    "identity": _IDENTITY,
    "reason": _any(r"\breason\b", r"\bwhy\b", r"\bno longer need", r"\bby mistake\b"),
    "payment": _any(r"\bpay\w*\b", r"\brefund", r"\bgift card\b", r"\bcredit card\b", r"\bmethod\b"),
    "address": _any(r"(?<!mail )\baddress\b", r"\bship (?:it|them) to\b"),
    "order": _any(r"\border (?:id|number|no\b|#)", r"\b(?:which|what) orders?\b", r"\bid of (?:the|your) order\b"),
    "items": _any(
        r"\b(?:which|what) (?:\w+ )?(?:items?|products?|ones?|variants?|options?|size|colou?r|model)\b",
        r"\breplacement\b|\bnew items?\b|\bprefer",
        r"\bitems? (?:you|do you|would you)\b",
    ),
    "more": _any(
        r"\b(?:any|some)thing (?:else|more|further)\b",
        r"\bany (?:other|more|further)\b",
        r"\belse (?:i|we|you)\b|\bfurther assist|\bmore help\b",
    ),
    "wants": _any(r"\b(?:how|what) (?:can|may|could) (?:i|we)\b", r"\bwhat (?:would|do) you (?:like|want|need)\b"),
}
_HANDOVER = _any(
    r"\bhuman agent|\bspecialist|\bsupervisor|\bcolleague",
    r"\btransfer(?:ring)? (?:you|this|the (?:case|chat|conversation|request))\b",
    r"\bhand(?:ing)? (?:you|this) over\b",
)
_REPORTS = _any(
    r"\b(?:has|have) (?:now |just |also |already )?been\b|\bsuccessfully\b",
    r"\b(?:is|are|all) (?:now |all )?(?:done|cancell?ed|updated|changed|completed?|modified|processed|requested)\b",
    r"\bi(?: have|'ve) \w+ed\b",
)
_ENDS = _any(
    r"\b(?:cannot|can't|can not|unable|not able|not possible|not allowed|unfortunately|sorry|impossible)\b",
    r"\b(?:good)?bye\b|\bhave a (?:\w+ )?(?:day|one|evening|weekend|time)\b|\bthank you for (?:contacting|shopping)\b",
)


class Hearing:
    """One line of the agent, listened to."""

    def __init__(self, line: str, *, known: bool) -> None:
        """`known` tells whether the agent was told already who the customer is."""
        self.orders = frozenset(_ORDER.findall(line))
        """The orders it names."""
        if len(line) > 2 * _EACH_END:
            line = f"{line[:_EACH_END]}\n{line[-_EACH_END:]}"
        lowered = line.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold()
        self._speaks_of_address = "address" in lowered
        self.topics: set[Topic] = set()
        """What it asks for."""
        for sentence in _SENTENCE.split(lowered):
            self.topics |= _topics_of(sentence, known=known)
        self.asks = bool(self.topics) or "?" in line
        self.hands_over = _HANDOVER.search(lowered) is not None
        self.reports = _REPORTS.search(lowered) is not None
        """Whether it says that something was done."""
        self.ends = self.reports or "more" in self.topics or _ENDS.search(lowered) is not None
        """Whether nothing is left to do for the agent: it says so, asks for more, refuses, or says goodbye."""

    def is_about(self, order: str) -> bool:
        """Whether it names the order; what concerns none is about an address."""
        return order in self.orders if order else self._speaks_of_address


def _topics_of(sentence: str, *, known: bool) -> set[Topic]:
    found = {topic for topic, pattern in _TOPICS.items() if pattern.search(sentence)}
    if _asks_consent(sentence, found, known=known):
        # What is to be agreed to names reasons, addresses and methods without asking for them.
        return {"consent"} if known else {"consent", *found & {"identity"}}
    return found if _ASKS.search(sentence) else set()


def _asks_consent(sentence: str, found: set[Topic], *, known: bool) -> bool:
    if _EXPLICIT.search(sentence):
        return True
    if not known and "identity" in found:
        return False  # `please confirm your e-mail address`
    if _OFFERS.search(sentence) and not _OPEN.search(sentence):
        return found.isdisjoint(("more", "wants"))
    return _WEAK.search(sentence) is not None and _ASKS.search(sentence) is not None
