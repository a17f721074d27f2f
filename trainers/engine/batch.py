"""The rows that are sampled together: they join when they come, and leave when they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agentgym.extras import require
from trainers.engine.chances import Draw
from trainers.engine.kvcache import join_rows, keep_rows, new_cache
from trainers.engine.row import Row, likeliest_of

_PREFILL_TOKENS = 1 << 14
"""The most tokens, padding included, of prompts that are read at once: it bounds the memory they take."""


class Batch:
    """Rows with what the model remembers of each."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = model.get_input_embeddings().weight.device
        self._rows: list[Row] = []
        self._cache: Any = None
        self._mask: Any = None
        """Where the rows have tokens, and where padding."""
        self._last: Any = None
        """The token of each row that the model has not seen yet."""
        self._draw: Draw | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Sequence[Row]:
        """All that are under way."""
        return self._rows

    def join(self, newcomers: Sequence[Row]) -> None:
        """Read the prompts of new rows, and draw the first token of each."""
        for group in _groups(newcomers):
            self._prefill(group)

    def step(self) -> None:
        """Draw the next token of every row."""
        torch = require("torch")
        positions = self._mask.sum(-1, keepdim=True)
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self._rows), 1))], -1)
        logits = self._forward(self._last, self._mask, positions, self._cache)
        if self._draw is None:
            self._draw = _draw_of(self._rows, self._device)
        ids, done = _drawn(self._rows, logits, self._draw)
        self._last = ids[:, None]
        if any(done):
            self._keep([place for place, over in enumerate(done) if not over])

    def drop(self, is_unwanted: Callable[[Row], bool]) -> None:
        """Let rows go that nobody waits for."""
        kept = [place for place, row in enumerate(self._rows) if not is_unwanted(row)]
        if len(kept) < len(self._rows):
            self._keep(kept)

    def clear(self) -> None:
        """Forget all rows."""
        self._rows, self._cache, self._mask, self._last, self._draw = [], None, None, None, None

    def _forward(self, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
        answered = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return answered.logits[:, -1]

    def _prefill(self, group: list[Row]) -> None:
        """Prompts that are the same, as those of a request's choices, are read once."""
        torch = require("torch")
        prompts = list(dict.fromkeys(row.request.prompt_ids for row in group))
        ids, mask = _padded(prompts, self._device)
        cache = new_cache()
        logits = self._forward(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache)
        place = {prompt: number for number, prompt in enumerate(prompts)}
        places = [place[row.request.prompt_ids] for row in group]
        drawn, done = _drawn(group, logits[places], _draw_of(group, self._device))
        left = [number for number, over in enumerate(done) if not over]
        if left:
            chosen = torch.tensor([places[number] for number in left], device=self._device)
            keep_rows(cache, chosen, trim=0)
            self._add([group[number] for number in left], cache, mask[chosen], drawn[left][:, None])

    def _add(self, rows: list[Row], cache: Any, mask: Any, last: Any) -> None:
        torch = require("torch")
        self._draw = None
        if not self._rows:
            self._rows, self._cache, self._mask, self._last = rows, cache, mask, last
            return
        pad, length = torch.nn.functional.pad, max(mask.shape[1], self._mask.shape[1])
        join_rows(self._cache, cache)
        self._mask = torch.cat([pad(one, (length - one.shape[1], 0)) for one in (self._mask, mask)])
        self._last = torch.cat([self._last, last])
        self._rows = [*self._rows, *rows]

    def _keep(self, places: list[int]) -> None:
        if not places:
            self.clear()
            return
        torch = require("torch")
        self._rows = [self._rows[place] for place in places]
        kept = torch.tensor(places, device=self._device)
        mask = self._mask.index_select(0, kept)
        trim = mask.shape[1] - int(mask.sum(-1).max())
        keep_rows(self._cache, kept, trim=trim)
        self._mask, self._last, self._draw = mask[:, trim:], self._last.index_select(0, kept), None


def _groups(newcomers: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows whose prompts are read at once; those of like length together."""
    group: list[Row] = []
    for row in sorted(newcomers, key=lambda row: len(row.request.prompt_ids)):
        if group and len(row.request.prompt_ids) * (len(group) + 1) > _PREFILL_TOKENS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _padded(prompts: list[tuple[int, ...]], device: Any) -> tuple[Any, Any]:
    torch = require("torch")
    length = max(map(len, prompts))
    ids = [[0] * (length - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _draw_of(rows: list[Row], device: Any) -> Draw:
    return Draw([row.request for row in rows], [row.chances for row in rows], device=device)


def _drawn(rows: list[Row], logits: Any, draw: Draw) -> tuple[Any, list[bool]]:
    """The next token of each row, and whether it was the last."""
    ids, chosen, logprobs = draw.draw(logits)
    told = (
        likeliest_of(logprobs, [row.request.likeliest for row in rows]) if draw.most_likeliest else [None] * len(rows)
    )
    drawn = zip(rows, ids.tolist(), chosen.tolist(), told, strict=True)
    return ids, [row.take(number, logprob, likeliest) for row, number, logprob, likeliest in drawn]
