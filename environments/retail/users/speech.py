"""An instruction ("You want ...") as the customer says it ("I want ...")."""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_IDENTITY = re.compile(
    r"(?i:your (?:full |first |last )?(?:name|user id|username|e-?mail|zip))"
    r"|You(?:'re| are) [A-Z]\w+ [A-Z]"
    r"|You live (?:in|at)"
)
_CHARACTER = re.compile(
    r"you(?:'re| are) (?:(?:very|quite|a bit|rather) )?[\w-]+(?:(?:,? and|,) [\w-]+)*[.!;]?", re.IGNORECASE
)
_DIRECTION = re.compile(r"\b(?:the|an) (?:agent|representative|assistant)\b", re.IGNORECASE)
_BUSINESS = re.compile(
    r"#w\d|\b(?:want|wish|like|need|cancel|return|exchange|modify|change|update|swap|replace)\b"
    r"|\b(?:order|ordered|received|bought|refund|know|find out|ask)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?|\b(?:how (?:much|many|long)|what|which|when|where|who|whether|tell|know|find out|total)\b", re.IGNORECASE
)
_BEFORE_ME = (
    "to|for|with|of|by|on|at|from|than|tell|tells|told|give|gives|gave|let|send|sends|sent|help|show|suits?|fits?"
)
_SWAPS = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\byou are\b", "I am"),
        (r"\byou were\b", "I was"),
        (r"\byou're\b", "I'm"),
        (r"\bare you\b", "am I"),
        (rf"\b({_BEFORE_ME}) you\b(?!')", r"\1 me"),
        (r"\byou(?=\s*[.,;!?)]|$)", "me"),
        (r"\byou\b", "I"),
        (r"\byourself\b", "myself"),
        (r"\byours\b", "mine"),
        (r"\byour\b", "my"),
    )
)


def spoken_request(instruction: str) -> str:
    """The request of an instruction in the first person, without who the customer is and how they are to behave."""
    kept = [sentence for sentence in _sentences(instruction) if _is_request(sentence)]
    return " ".join(_capitalised(_first_person(sentence)) for sentence in kept)


def questions_in(request: str) -> str:
    """The sentences that want to know something, or else all of it."""
    return " ".join(filter(_QUESTION.search, _sentences(request))) or request


def _sentences(text: str) -> list[str]:
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [sentence.strip() for sentence in _SENTENCE.split(plain) if sentence.strip()]


def _is_request(sentence: str) -> bool:
    if _CHARACTER.fullmatch(sentence) or _DIRECTION.search(sentence):
        return False
    return _IDENTITY.match(sentence) is None or _BUSINESS.search(sentence) is not None


def _first_person(sentence: str) -> str:
    for pattern, instead in _SWAPS:
        sentence = pattern.sub(instead, sentence)
    return sentence


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
