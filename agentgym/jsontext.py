"""JSON at the edges: strict where a model wrote it, and never failing where we write it.

Neither `json` nor `orjson` is imported before it is used: together they are a tenth of the framework's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from pydantic import JsonValue

if TYPE_CHECKING:
    from json import JSONDecoder


DEEPEST = 100
"""What a model may nest: readers of records give up at 200 levels, and a record has some of its own."""
_DEEPEST_WRITTEN = 150
"""What is kept of what an environment nests without end."""
_MOST_BITS = 14_000
"""Of a whole number: Python neither writes nor reads one of more than 4300 digits."""


def parse_json(text: str) -> JsonValue:
    """Read JSON that a model wrote; NaN, infinities, duplicate keys and endless nesting are refused.

    Raises ValueError with one line that says what is wrong.
    """
    import json

    decoder = _strict_decoder()
    try:
        # Most are an object and nothing around it, which takes half the time.
        value, end = decoder.raw_decode(text) if text[:1] == "{" else (None, -1)
        if end != len(text):
            value = decoder.decode(text)
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        # Some of the messages have an end of their own: "Invalid control character at".
        said = error.msg.removesuffix(" at")
        raise ValueError(f"not JSON: {said} at character {error.pos}") from None
    if text.count("[") + text.count("{") > DEEPEST and is_too_deep(value):
        raise ValueError(f"not plain JSON: nested deeper than {DEEPEST} levels")
    return value


def in_order(value: JsonValue) -> JsonValue:
    """JSON with its lists sorted, for a set comes in another order in every process."""
    if isinstance(value, dict):
        return {name: in_order(inner) for name, inner in value.items()}
    return sorted(map(in_order, value), key=dump_json) if isinstance(value, list) else value


def is_too_deep(value: JsonValue) -> bool:
    """Whether this is nested deeper than `parse_json` lets a model nest."""
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer) if inner and isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def dump_json(value: object) -> bytes:
    """Write JSON, compact and UTF-8, and never fail: what JSON cannot hold is written as text, or null."""
    try:
        return (_orjson_dumps or _find_orjson())(value)
    except TypeError:
        import json

        return json.dumps(_mended(value), ensure_ascii=False, separators=(",", ":")).encode()


def dump_line(value: object) -> bytes:
    """The same, as a line."""
    try:
        return (_orjson_dumps or _find_orjson())(value, None, _newline)
    except TypeError:
        return dump_json(value) + b"\n"


def dump_plain(value: JsonValue) -> str:
    """Write JSON that says all there is; ValueError where a number is not finite, which JSON cannot hold."""
    text = dump_json(value).decode()
    if "null" in text and not _is_finite(value):
        raise ValueError("not plain JSON: a number in it is not finite")
    return text


def mend_text(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mended(value: object, around: frozenset[int] = frozenset()) -> object:
    """What JSON can hold of it; `around` are the containers it lies in, for one may hold itself."""
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() <= _MOST_BITS else hex(value)
    if value is None:
        return None
    if id(value) in around or len(around) > _DEEPEST_WRITTEN:
        return "nested too deeply to be written"
    within = around | {id(value)}
    if is_dataclass(value) and not isinstance(value, type):
        named = [field.name for field in fields(value) if field.name[0] != "_"]  # as orjson has it
        return {name: _mended(getattr(value, name), within) for name in named}
    if isinstance(value, dict):
        return {_told(key): _mended(item, within) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mended(item, within) for item in value]
    return _told(value)


def _told(value: object) -> str:
    try:
        return mend_text(str(value))
    except Exception:  # of others' making; a thing that cannot tell of itself is no reason to lose the rest
        return f"<{type(value).__name__}>"


def _without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    read = dict(pairs)
    if len(read) != len(pairs):
        twice = next(key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position]))
        raise ValueError(f"not plain JSON: the key {twice!r} stands twice")
    return read


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not plain JSON: {name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"not plain JSON: {digits} is too large a number")
    return number


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return all(_is_finite(inner) for inner in _inside(value))


def _inside(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_orjson_dumps: Callable[..., bytes] | None = None
"""Once it was used; not behind `cache`, for a turn writes half a dozen times."""
_newline = 0
"""The option that ends what it writes with one."""


def _find_orjson() -> Callable[..., bytes]:
    global _orjson_dumps, _newline
    import orjson

    _orjson_dumps, _newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    return _orjson_dumps


@cache
def _strict_decoder() -> JSONDecoder:
    import json

    return json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite)
