"""A gymnasium space of any Unicode text, which every vector environment can carry."""

from __future__ import annotations

import string
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Text
from gymnasium.spaces.utils import flatten, flatten_space, unflatten
from gymnasium.vector.utils import read_from_shared_memory
from numpy.typing import NDArray

_LETTERS = string.ascii_letters + string.digits
_SHORT = 16
_PADDING = sys.maxunicode + 1


class AnyText(Text):
    """Text whose length is bounded and whose characters are not; its charset only feeds samples."""

    def __init__(self, max_length: int, *, min_length: int = 0, examples: Iterable[str] = ()) -> None:
        """Samples are drawn from the examples, or are short and alphanumeric where there are none."""
        super().__init__(max_length, min_length=min_length, charset=_LETTERS)
        self.examples = tuple(examples)

    def sample(
        self,
        mask: tuple[int | None, NDArray[np.int8] | None] | None = None,
        probability: tuple[int | None, NDArray[np.float64] | None] | None = None,
    ) -> str:
        """One of the examples, or a few letters and digits; masks act on the letters and digits."""
        if mask is not None or probability is not None:
            return super().sample(mask, probability)
        if self.examples:
            return self.examples[self.np_random.integers(len(self.examples))]
        longest = min(self.max_length, max(self.min_length, _SHORT))
        return super().sample((int(self.np_random.integers(self.min_length, longest + 1)), None))

    def contains(self, x: object) -> bool:
        """Whether x is a text of fitting length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def __eq__(self, other: object, /) -> bool:
        """Whether the other space holds the same texts."""
        return isinstance(other, AnyText) and super().__eq__(other)

    def __repr__(self) -> str:
        """The bounds of the length."""
        return f"AnyText({self.min_length}, {self.max_length})"


class _SharedTexts:
    """The texts that lie in shared memory now, whenever it is asked."""

    def __init__(self, rows: NDArray[np.int32]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> str:
        return _text(self._rows[index])

    def __iter__(self) -> Iterator[str]:
        return map(_text, self._rows)

    def __deepcopy__(self, memo: object) -> tuple[str, ...]:
        return tuple(self)


def _text(codes: NDArray[Any]) -> str:
    """The text of a padded row of code points."""
    return codes[codes < _PADDING].astype("<i4").tobytes().decode("utf-32-le", "surrogatepass")


def _flatten(space: AnyText, x: str) -> NDArray[np.int32]:
    codes = np.full(space.max_length, _PADDING, np.int32)
    codes[: len(x)] = np.frombuffer(x.encode("utf-32-le", "surrogatepass"), "<i4")
    return codes


def _unflatten(space: AnyText, x: NDArray[Any]) -> str:
    return _text(x)


def _flatten_space(space: AnyText) -> Box[np.int32]:
    return Box(0, _PADDING, (space.max_length,), np.int32)


def _read(space: AnyText, shared_memory: Any, n: int = 1) -> Any:
    return _SharedTexts(np.frombuffer(shared_memory.get_obj(), np.int32).reshape(n, space.max_length))


flatten.register(AnyText, _flatten)
unflatten.register(AnyText, _unflatten)
flatten_space.register(AnyText, _flatten_space)
# AsyncVectorEnv reads its shared memory once, when it is made: arrays are views that go on following
# the memory, but gymnasium's own reader of Text gives strings, which would never change again.
read_from_shared_memory.register(AnyText, _read)
