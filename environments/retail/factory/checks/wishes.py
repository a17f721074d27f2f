"""Whether what the customer asks for and what is done are the same, as far as words can tell.

Each wish has words that ask for it, and words without which nobody can have asked: the first are narrow and the
second wide, so that neither finds fault with what is only put otherwise. English and Chinese are read; in other
languages nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from environments.retail.desk import TERMINAL, WRITES
from environments.retail.factory.checks.entries import Entry, Level
from environments.retail.factory.envelope import Call

_ENGLISH = re.compile(r"\b(?:the|you|my|your|this|please|need|would|order|thanks|and|with|which|i'd|i'm)\b")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_ELSEWHERE = re.compile(
    r"\be-?mail address(?:es)?\b|\breturn (?:address|label|policy|requested)\b|\bin (?:return|exchange)\b"
)
"""Other things by the same words."""
_SENTENCE = re.compile(r"(?<=[.!?;\u3002\uff01\uff1f\uff1b])\s*|\n+")
_NO = r"(?:not|never|n't|without|no longer (?:want|wish) to)"
_ZH_NO = "[不别別勿]\\w{0,2}"
_DENIAL = re.compile(rf"{_NO}(?:\s+\w+){{0,3}}\s*$|{_ZH_NO}$")
"""At the end of what stands before a word, says that it is not wanted."""
_NEAR = 80
"""So many characters before a word may deny it; of a long text no more is looked through for each."""
_ASKS_ONLY = re.compile(
    r"\b(?:whether|how (?:do|can|to|would|much|long)|what (?:if|happens|would)|is it possible|possible to|eligible)\b"
    r"|\b(?:can|could|may|should) (?:i|it|this|that|they|we|you tell)\b.{0,200}\?"
    r"|\b(?:did|have|was|were|has)\b.{0,200}\?"
    r"|\bif (?:i|you|it|that|they|there|the|this)\b|\b(?:unless|otherwise|in case|either|or else)\b"
    "|是否|能否|怎么|如何|如果|[吗嗎]"
)
"""Who asks whether something can be done, or wants it under a condition, has not asked that it be done."""
_MAY_FAIL = re.compile(
    r"\bif (?:that|it|this|they|those|the \w+|you|any of (?:that|this))"
    r"[^.;]{0,20}(?:can ?not|can't|is not|isn't|are not|aren't|is(?: also)? impossible|not possible|not available)"
    "|如果不(?:能|行|可)"
)
"""Words that leave room for a no, so that nothing is promised."""
_UP_TO = r"[^.;!?\n]{0,60}?"
_CHANGE = r"(?:(?:chang|updat|modif|edit|switch)(?:e|ing|y|ying)?|correct(?: (?:my|the|our)))"
_ZH_CHANGE = "(?:修改|更改|更换|更換|变更|變更|改|换|換)"
_BACK = ("return_delivered_order_items", "cancel_pending_order")
_SWAPS = ("exchange_delivered_order_items", "modify_pending_order_items")
_ADDRESSES = ("modify_pending_order_address", "modify_user_address")


@dataclass(frozen=True, slots=True)
class _Wish:
    """What can be asked for."""

    name: str
    asked: re.Pattern[str]
    granted_by: tuple[str, ...]


_WISHES = tuple(
    _Wish(name, re.compile(pattern), granted_by)
    for name, pattern, granted_by in (
        ("cancel", "\\bcancel(?:l?ing)?\\b|取消", ("cancel_pending_order",)),
        ("return", "\\b(?:return(?:ing)?(?= [\\w#])|(?:send|give) (?:\\w+ ){0,3}?back)\\b|退货|退貨", _BACK[:1]),
        (
            "refund",
            rf"\b(?:want|get|need|like|request|receive|demand)\b{_UP_TO}\brefund(?:ed)?\b|退款",
            (*_BACK, *_SWAPS, "modify_pending_order_payment"),
        ),
        ("exchange", "\\bexchang(?:e|ing)\\b|换货|換貨", _SWAPS),
        (
            "address",
            rf"\b{_CHANGE}\b{_UP_TO}\baddress\b|\baddress\b{_UP_TO}\b(?:changed|updated|modified|corrected)\b"
            rf"|{_ZH_CHANGE}.{{0,12}}地址|地址.{{0,6}}{_ZH_CHANGE}",
            _ADDRESSES,
        ),
        (
            "payment",
            rf"\b{_CHANGE}\b{_UP_TO}\bpayment\b(?! history)"
            rf"|\bpayment(?: method)?\b{_UP_TO}\b(?:changed|updated|switched)\b"
            rf"|{_ZH_CHANGE}.{{0,12}}(?:支付|付款)|(?:支付|付款).{{0,6}}{_ZH_CHANGE}",
            ("modify_pending_order_payment", *_SWAPS, "return_delivered_order_items"),
        ),
    )
)
_BACK_WORDS = r"return|refund|money|back|do(?:n't| not) (?:want|need|like)|rid of|退"
_OTHER_WORDS = (
    r"exchang|swap|replac|chang|modif|switch|instead|differ|another|other|updat|upgrad|rather|prefer|convert"
    "|换|換|改|变|變"
)
_ADDRESS_WORDS = r"address|ship|sen[dt]|deliver|\bmov|live|reloc|地址|送|寄|搬"
_NEEDS = {
    "cancel_pending_order": r"cancel|refund|money|(?:no longer|never|n't|not)\b.{0,40}|mistake|rid of|取消|退",
    "return_delivered_order_items": _BACK_WORDS,
    "exchange_delivered_order_items": _OTHER_WORDS,
    "modify_pending_order_items": f"{_OTHER_WORDS}|want|need|like",
    "modify_pending_order_payment": r"pay|card|charg|refund|付|卡",
    "modify_pending_order_address": _ADDRESS_WORDS,
    "modify_user_address": _ADDRESS_WORDS,
}
"""Words of which a request for it holds one."""
_DENIED = {
    "cancel_pending_order": r"cancel|取消",
    "return_delivered_order_items": r"return|退",
    "exchange_delivered_order_items": r"exchang|swap|换|換",
    "modify_pending_order_items": r"modif|chang|swap|exchang|改|换|換",
    "modify_pending_order_payment": rf"{_CHANGE} (?:\w+ ){{0,2}}payment",
    "modify_pending_order_address": rf"{_CHANGE} (?:\w+ ){{0,2}}address",
    "modify_user_address": rf"{_CHANGE} (?:\w+ ){{0,2}}address",
}


def wish_entries(query: str, calls: Sequence[Call]) -> Iterator[Entry]:
    """What is asked for and not done, done and not asked for, or done against the customer's word."""
    text = _ELSEWHERE.sub(" ", query.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    if not (_CHINESE.search(text) or _ENGLISH.search(text)):
        return
    yield from _ungranted(text, {call.name for call in calls})
    for index, call in enumerate(calls):
        if call.name in WRITES:
            yield from _unasked(text, call, index)


def _ungranted(text: str, done: set[str]) -> Iterator[Entry]:
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence]
    leaves_room = TERMINAL in done or _MAY_FAIL.search(text) is not None
    for wish in _WISHES:
        asking = [sentence for sentence in sentences if _asks(wish, sentence)]
        if not asking or not done.isdisjoint(wish.granted_by):
            continue
        is_plain = any(_ASKS_ONLY.search(sentence) is None for sentence in asking)
        level: Level = "error" if is_plain and not leaves_room else "warning"
        message = f"q asks for {wish.name}, and no call does it: {' or '.join(wish.granted_by)}"
        yield Entry("QUERY_ACTION_GAP", level, message, value=wish.name)


def _asks(wish: _Wish, sentence: str) -> bool:
    """Whether it asks for it, and not that it be left alone."""
    return any(not _is_denied(found) for found in wish.asked.finditer(sentence))


def _unasked(text: str, call: Call, index: int) -> Iterator[Entry]:
    if re.search(_NEEDS[call.name], text) is None:
        message = "q never asks for that"
        yield Entry("QUERY_ACTION_GAP", "error", message, index, call.name, call.name)
        return
    named = list(re.finditer(_DENIED[call.name], text))
    if named and all(_is_denied(found) for found in named):
        message = "the customer says that this is not to be done"
        yield Entry("POLICY_NOT_CONFIRMED", "error", message, index, call.name, call.name)


def _is_denied(found: re.Match[str]) -> bool:
    """Whether the words right before it say that it is not wanted."""
    return _DENIAL.search(found.string, max(0, found.start() - _NEAR), found.start()) is not None
