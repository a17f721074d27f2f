"""Rows as tensors, and the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from agentgym.extras import require
from trainers.advantages import Lesson
from trainers.dataset.rows import TokenRow

Row = TypeVar("Row", TokenRow, Lesson)
PASS_TOKENS = 100
"""A pass through a tiny model takes so many tokens' time beside that of its rows: what is worth it to pad less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows padded at their right ends to one length; every tensor is [rows, length]."""

    input_ids: Any
    attention_mask: Any
    """1 for tokens, 0 for padding."""
    mask: Any
    """True for tokens that train; never the first of a row, which nothing foretells."""
    old_logprobs: Any = None
    """Of lessons: of the tokens that train, as they were sampled, and 0 elsewhere; None unless every row has them."""
    advantages: Any = None
    """Of lessons: each row's, at the tokens that train, and 0 elsewhere."""
    weights: Any = None
    """Of lessons: what each token counts, and 0 for what does not train."""
    temperatures: Any = None
    """Of lessons: what each token was sampled at; 1 where that is not known, or was greedy."""

    @property
    def trained_count(self) -> int:
        """How many tokens train."""
        return int(self.mask.sum())


def batch_of(rows: Sequence[TokenRow] | Sequence[Lesson], *, pad_id: int, device: Any = "cpu") -> Batch:
    """Pad rows together; of lessons all that is known of their tokens comes along."""
    torch = require("torch")
    lessons = [row for row in rows if isinstance(row, Lesson)]
    plain = [row.row if isinstance(row, Lesson) else row for row in rows]
    length = max(map(len, plain))

    def padded(lists: Iterable[Sequence[Any]], fill: Any, kind: Any) -> Any:
        filled = [[*values, *[fill] * (length - len(values))] for values in lists]
        return torch.tensor(filled, dtype=kind).to(device)

    masks = [(False, *row.loss_mask[1:]) for row in plain]
    batch = Batch(
        input_ids=padded((row.input_ids for row in plain), pad_id, torch.long),
        attention_mask=padded(([1] * len(row) for row in plain), 0, torch.long),
        mask=padded(masks, False, torch.bool),
    )
    if not lessons:
        return batch
    known = [values for row in plain if (values := row.aligned_logprobs()) is not None]
    worth = torch.tensor([[lesson.advantage] for lesson in lessons], dtype=torch.float32).to(device)
    return replace(
        batch,
        old_logprobs=padded(known, 0.0, torch.float32) * batch.mask if len(known) == len(plain) else None,
        advantages=worth * batch.mask,
        weights=padded((lesson.token_weights() for lesson in lessons), 0.0, torch.float32) * batch.mask,
        temperatures=padded(map(_temperatures, plain), 1.0, torch.float32),
    )


def _temperatures(row: TokenRow) -> list[float]:
    values = [1.0] * len(row)
    for sample in row.samples:
        values[sample.begin : sample.end] = [sample.temperature or 1.0] * len(sample)
    return values


def drawn(lengths: Sequence[int], *, size: int, together: int = 1, seed: int, epoch: int = 0) -> list[list[int]]:
    """The places of all rows as batches: another order for each epoch, the same for a seed.

    An update takes `together` batches, whose rows are drawn from all and only among themselves put by length, to pad
    less. Batches of like length throughout would pad less still, but where length goes with the answer, as it does
    in small tasks, each update would then pull another way. The longest row comes first, so that what memory cannot
    hold shows at once; the one batch that may be short is last.
    """
    order = list(range(len(lengths)))
    Random(f"{seed} {epoch}").shuffle(order)
    whole = size * together
    updates = [sorted(order[at : at + whole], key=lambda place: -lengths[place]) for at in range(0, len(order), whole)]
    full = [number for number, update in enumerate(updates) if len(update) == whole]
    if full:
        longest = max(full, key=lambda number: lengths[updates[number][0]])
        updates[0], updates[longest] = updates[longest], updates[0]
    return [update[at : at + size] for update in updates for at in range(0, len(update), size)]


def apart(rows: Sequence[Row], *, device: Any) -> list[list[Row]]:
    """A batch as parts that take the least time one after another: long rows apart from short ones.

    Losses of parts add up, so that nothing is learnt otherwise. A GPU takes padding more lightly than another pass.
    """
    ordered = sorted(rows, key=_length, reverse=True)
    if device.type != "cpu":
        return [ordered]
    costs, begins = [0.0], [0]  # of the first rows, and where the last of their parts begins
    for end in range(1, len(ordered) + 1):
        each = [costs[begin] + PASS_TOKENS + (end - begin) * _length(ordered[begin]) for begin in range(end)]
        costs.append(min(each))
        begins.append(each.index(costs[-1]))
    parts, end = list[list[Row]](), len(ordered)
    while end:
        parts.append(ordered[begins[end] : end])
        end = begins[end]
    return parts[::-1]


def _length(row: TokenRow | Lesson) -> int:
    return len(row.row if isinstance(row, Lesson) else row)
