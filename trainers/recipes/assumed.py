"""What a plan and a batch script go by where nothing better is known; it changes nothing of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from trainers.recipe import Count


@dataclass(frozen=True, slots=True)
class Gpu:
    """What its maker says of one."""

    memory_gb: int
    tflops: int
    """In 16 bit, dense."""
    terabytes_s: float
    """How fast memory is read."""


GpuName = Literal["A10", "V100", "A40", "A100-40", "A100-80", "H100"]
GPUS: dict[GpuName, Gpu] = {
    "A10": Gpu(24, 125, 0.6),
    "V100": Gpu(32, 125, 0.9),
    "A40": Gpu(48, 150, 0.7),
    "A100-40": Gpu(40, 312, 1.55),
    "A100-80": Gpu(80, 312, 2.0),
    "H100": Gpu(80, 989, 3.35),
}


class Assumed(BaseModel):
    """The machine, and how much there is to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    nodes: Count = 1
    gpus: Count = 1
    """Of a node."""
    gpu: GpuName | None = None
    """None: the smallest of the usual ones that has enough memory."""
    rows: Count | None = None
    """Rows, or tasks where rollouts are live, of an epoch; None: counted in the data where it is at hand."""
    row_tokens: Count | None = None
    """The mean length of a row; None: half of the longest allowed."""
