"""A class with the quick `__init__` is the frozen dataclass it was, in all that its users see."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from agentgym.jsontext import dump_json
from agentgym.quickinit import quick_init


@dataclass(frozen=True)
class Plain:
    """As Python makes it."""

    name: str
    tags: list[str] = field(default_factory=list)
    shift: int = field(kw_only=True)
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("too small")


@quick_init
@dataclass(frozen=True)
class Quick(Plain):
    """The same, but made quickly."""


def test_it_takes_what_the_dataclass_takes() -> None:
    assert str(inspect.signature(Quick)) == str(inspect.signature(Plain))
    assert asdict(Quick("a", shift=1)) == asdict(Plain("a", shift=1))
    assert asdict(Quick("a", ["b"], 4, shift=1)) == asdict(Plain("a", ["b"], 4, shift=1))
    assert Quick("a", shift=1).tags is not Quick("a", shift=1).tags


@pytest.mark.parametrize("given", [{}, {"name": "a"}, {"name": "a", "shift": 1, "colour": "red"}])
def test_it_refuses_what_the_dataclass_refuses(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as ours:
        Quick(**given)
    with pytest.raises(TypeError) as theirs:
        Plain(**given)
    assert str(ours.value) == str(theirs.value).replace("Plain", "Quick")


def test_what_is_to_be_done_after_is_done() -> None:
    with pytest.raises(ValueError, match="too small"):
        Quick("a", shift=1, size=-1)


def test_it_is_frozen() -> None:
    made = Quick("a", shift=1)
    with pytest.raises(FrozenInstanceError):
        made.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.name


def test_it_is_copied_replaced_pickled_and_read() -> None:
    made = Quick("a", ["b"], shift=1)
    assert copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == replace(made) == made
    assert replace(made, size=5) == Quick("a", ["b"], 5, shift=1)
    assert TypeAdapter(Quick).validate_json(TypeAdapter(Quick).dump_json(made)) == made
    assert dump_json(made) == dump_json(Plain("a", ["b"], shift=1))


def test_fields_that_are_not_given_are_refused() -> None:
    @dataclass(frozen=True)
    class Counted:
        name: str
        number: int = field(default=0, init=False)

    with pytest.raises(TypeError, match="every field must be a parameter"):
        quick_init(Counted)
