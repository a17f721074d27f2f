"""What the calls of a completion are worth beside those of the reference: names, arguments and order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

from pydantic import JsonValue

from agentgym.errors import UsageError
from agentgym.exports.calls import read_tools
from agentgym.messages import JsonObject, ToolCall
from environments.retail.completions import read_listed, read_predicted
from environments.retail.factory.normalise import canonical_call

NAME, ARGUMENTS, ORDER = 1.0, 0.5, 0.5
INCORRECT, MISSING, UNREADABLE = -0.3, -0.4, -0.5
MOST = 10.0
"""Where the reward is cut off, on both sides."""

Required = Mapping[str, Collection[str]]
"""The arguments that each tool must be given."""


def retail_action_reward(
    completion: object, *, gold: object, tools: JsonValue = None, strict_json: bool = False
) -> float:
    """The sum of the terms, within bounds.

    `gold` lists the reference's calls, `tools` those on offer (default: the shop's), as objects or as JSON text. With
    `strict_json` a completion must be JSON and nothing else. A row without gold is a UsageError, and no score of 0.
    """
    terms = retail_action_terms(completion, gold=gold, tools=tools, strict_json=strict_json)
    return max(-MOST, min(MOST, round(sum(terms.values()), 12)))


def retail_action_terms(
    completion: object, *, gold: object, tools: JsonValue = None, strict_json: bool = False
) -> dict[str, float]:
    """The named terms: what was right, what was wrong, and -0.5 and nothing else for what cannot be read."""
    wanted = gold_calls(gold)
    required = _required_of(tools)
    predicted = read_predicted(completion, {*required, *(call.name for call in wanted)})
    if predicted is None or (strict_json and not predicted.is_strict):
        return {"unreadable": UNREADABLE}
    return _terms(predicted.calls, wanted, required)


def gold_calls(gold: object) -> tuple[ToolCall, ...]:
    """The calls of the reference, where there is a reference; it may make none."""
    calls = None if gold is None or gold == "" else read_listed(gold)
    if calls is None:
        told = 'such as [{"name": "get_order_details", "arguments": {"order_id": "#W1"}}]'
        raise UsageError(f"gold={str(gold)[:80]!r}: give the calls of the reference as a list or its JSON text, {told}")
    return calls


def normalised_reward(reward: float, gold_count: int) -> float:
    """The reward by what a perfect completion gets, so that long and short tasks compare."""
    return reward / ((NAME + ARGUMENTS) * gold_count + ORDER)


def json_valid_rate(completions: Sequence[object]) -> float:
    """The share of completions that are calls in strictly valid JSON and nothing else."""
    read = [read_predicted(completion, _required_of(None)) for completion in completions]
    return sum(each is not None and each.is_strict for each in read) / len(read) if read else 0.0


def _terms(predicted: Sequence[ToolCall], gold: Sequence[ToolCall], required: Required) -> dict[str, float]:
    pairs = _matched(predicted, gold)
    missing = sum(_missing_count(call, required.get(call.name, ())) for call in predicted)
    in_order = bool(gold) and [call.name for call in predicted] == [call.name for call in gold]
    return {
        "names": NAME * len(pairs),
        "arguments": ARGUMENTS * sum(_agree(call, wanted) for call, wanted in pairs),
        "order": ORDER * in_order,
        "incorrect": INCORRECT * (len(predicted) - len(pairs)),
        "missing": MISSING * missing,
    }


def _matched(predicted: Sequence[ToolCall], gold: Sequence[ToolCall]) -> list[tuple[ToolCall, ToolCall]]:
    """Pairs of the same name: first those that agree, then those left in order."""
    left, pairs = list(gold), list[tuple[ToolCall, ToolCall]]()
    unmatched: Iterable[ToolCall] = predicted
    for must_agree in (True, False):
        again: list[ToolCall] = []
        for call in unmatched:
            fitting = (
                place
                for place, wanted in enumerate(left)
                if wanted.name == call.name and (not must_agree or _agree(call, wanted))
            )
            place = next(fitting, None)
            if place is None:
                again.append(call)
            else:
                pairs.append((call, left.pop(place)))
        unmatched = again
    return pairs


def _agree(call: ToolCall, wanted: ToolCall) -> bool:
    """Whether the arguments mean the same; tables give each of their rows the keys of all, without a value."""
    if call.problem is not None:
        return False
    given = canonical_call(call.name, call.arguments)
    filled = {key: value for key, value in wanted.arguments.items() if value is not None}
    return given in (canonical_call(wanted.name, wanted.arguments), canonical_call(wanted.name, filled))


def _missing_count(call: ToolCall, required: Collection[str]) -> int:
    return sum(call.arguments.get(name) in (None, "") for name in required)


def _required_of(tools: JsonValue) -> Required:
    if tools is None or tools == "":
        return _shop_requires()
    try:
        listed = read_tools(tools)
    except ValueError as error:
        raise UsageError(f"{error}") from None
    return dict(_requires(function) for tool in listed if isinstance(function := tool.get("function"), dict))


def _requires(function: JsonObject) -> tuple[str, Collection[str]]:
    parameters = function.get("parameters")
    required = parameters.get("required") if isinstance(parameters, dict) else None
    return str(function.get("name")), [str(name) for name in required] if isinstance(required, list) else []


@cache
def _shop_requires() -> Required:
    """By the schemas of the profile `compat`."""
    from environments.retail.env import RetailEnv  # not above: it costs, and rows may bring tools of their own

    return dict(_requires({"name": spec.name, "parameters": spec.parameters}) for spec in RetailEnv.tool_specs())
