"""The keys and values of a batch of rows, which come and go; each row ends at the right, with padding to its left."""

from __future__ import annotations

from functools import cache
from typing import Any

from agentgym.extras import require

_SLACK = 64
"""Columns of room at least, when there has to be more."""


def new_cache() -> Any:
    """An empty cache of transformers, whose layers have room to grow: a step copies none of what was there before."""
    return require("transformers").cache_utils.Cache(layer_class_to_replicate=_layer_class())


def keep_rows(kept: Any, rows: Any, *, trim: int) -> None:
    """Only these rows, without the first columns."""
    for layer in kept.layers:
        layer.adopt(layer.keys[:, :, trim:].index_select(0, rows), layer.values[:, :, trim:].index_select(0, rows))


def join_rows(kept: Any, others: Any) -> None:
    """The rows of both caches in the first one, the shorter ones padded on the left."""
    pad, cat = require("torch").nn.functional.pad, require("torch").cat
    for layer, other in zip(kept.layers, others.layers, strict=True):
        length = max(layer.keys.shape[2], other.keys.shape[2])
        pairs = ((layer.keys, other.keys), (layer.values, other.values))
        layer.adopt(*(cat([pad(one, (0, 0, length - one.shape[2], 0)) for one in pair]) for pair in pairs))


class _Roomy:
    """What a layer of transformers does otherwise by copying everything."""

    keys: Any
    values: Any
    is_initialized: bool
    _room: tuple[Any, Any]

    def adopt(self, keys: Any, values: Any) -> None:
        self.keys, self.values = keys, values
        self._room = (keys, values)

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if not self.is_initialized:
            self.is_initialized = True
            self.dtype, self.device = key_states.dtype, key_states.device
            self.adopt(key_states, value_states)
            return key_states, value_states
        held = self.keys.shape[2]
        length = held + key_states.shape[2]
        if length > self._room[0].shape[2]:
            self._room = (_roomier(self.keys, length), _roomier(self.values, length))
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, held:length] = states
        self.keys, self.values = (room[:, :, :length] for room in self._room)
        return self.keys, self.values


def _roomier(held: Any, length: int) -> Any:
    rows, heads, columns, width = held.shape
    room = held.new_empty((rows, heads, length + max(_SLACK, length // 2), width))
    room[:, :, :columns] = held
    return room


@cache
def _layer_class() -> type:
    return type("RoomyLayer", (_Roomy, require("transformers").cache_utils.DynamicLayer), {})
