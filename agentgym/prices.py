"""What tokens cost: from a file of yours, or from the map that comes with litellm where that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from pydantic import JsonValue

from agentgym.errors import DataFileError
from agentgym.jsontext import parse_json
from agentgym.messages import Usage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: float
    completion: float
    cached: float | None = None
    """For prompt tokens the engine had at hand; as others, where it is not known."""

    def cost_usd(self, usage: Usage) -> float:
        """What a call cost."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        prompt = fresh * self.prompt + usage.cached_tokens * cached
        return (prompt + usage.completion_tokens * self.completion) / _MILLION


def find_price(model: str, file: str | Path | None = None) -> Price | None:
    """The price of a model in a table; without a file, in litellm's map. A name may lack its provider there."""
    table = _read(Path(file)) if file is not None else _litellm_map()
    for name in (model, model.partition("/")[2]):
        entry = table.get(name)
        if name and entry is not None:
            return _price(entry, f"{file or 'litellm'}: {name}")
    return None


def _read(path: Path) -> Mapping[str, JsonValue]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".toml":
            import tomllib

            table: JsonValue = tomllib.loads(text)
        else:
            table = parse_json(text)
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; {_FORM}") from None
    if not isinstance(table, dict):
        raise DataFileError(f"{path}: not a table; {_FORM}")
    return table


def _litellm_map() -> Mapping[str, JsonValue]:
    """The map as it lies in the package, which need not be imported for it."""
    spec = importlib.util.find_spec("litellm")
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    for place in places:
        path = Path(place) / "model_prices_and_context_window_backup.json"
        if path.is_file():
            return _read(path)
    return {}


def _price(entry: JsonValue, where: str) -> Price:
    if not isinstance(entry, dict):
        raise DataFileError(f"{where}: not a price; {_FORM}")
    if "input_cost_per_token" in entry:  # as litellm writes it
        entry = {
            name: _number(entry.get(key) or 0.0, where) * _MILLION
            for name, key in _LITELLM_NAMES.items()
            if entry.get(key) is not None
        }
    if "prompt" not in entry or "completion" not in entry:
        raise DataFileError(f"{where}: names no price for prompt and completion; {_FORM}")
    cached = entry.get("cached")
    return Price(
        _number(entry["prompt"], where),
        _number(entry["completion"], where),
        None if cached is None else _number(cached, where),
    )


def _number(value: JsonValue, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise DataFileError(f"{where}: {value!r} is no price; {_FORM}")
    return float(value)


_LITELLM_NAMES = {
    "prompt": "input_cost_per_token",
    "completion": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
}
_FORM = 'write {"MODEL": {"prompt": 2.0, "completion": 8.0, "cached": 0.5}}, in dollars for a million tokens'
