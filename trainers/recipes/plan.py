"""What memory and time a recipe takes on one GPU: an estimate, with each formula it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from agentgym.cli.output import align
from trainers.recipe import Recipe
from trainers.recipes.assumed import GPUS, Assumed, GpuName
from trainers.recipes.duration import ON_CPU, Amounts, Work, amounts, flops_a_second, works
from trainers.recipes.geometry import Geometry, geometry_of
from trainers.recipes.memory import GB, LOOSE, STARTED, Part, Sizes, lasting, sampling, updating

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL_GB = (24, 40, 80)
_USUAL: dict[int, GpuName] = {24: "A10", 40: "A100-40", 80: "A100-80"}
ROOM = 0.97
"""The share of a GPU's memory that is there to be used."""
_ROW_TOKENS = 2048
"""Where the recipe bounds no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parts, and what they come to."""

    recipe: Recipe
    assumed: Assumed
    geometry: Geometry
    row_tokens: int
    lasting: tuple[Part, ...]
    updating: tuple[Part, ...]
    sampling: tuple[Part, ...]
    amounts: Amounts
    works: tuple[Work, ...]
    gpu: GpuName | None
    """That the time is told for; None: a thread of a CPU."""

    @property
    def peak(self) -> float:
        """The most bytes at any time, on one GPU."""
        held = _sum(self.lasting) + max(_sum(self.updating), _sum(self.sampling))
        return held * (1 + LOOSE) + STARTED

    @property
    def peak_gb(self) -> float:
        """The same, in 10^9 bytes."""
        return self.peak / GB

    @property
    def hours(self) -> float | None:
        """Of the whole training; None where nobody knows how much there is to learn from."""
        return sum(work.seconds for work in self.works) / 3600 if self.works else None

    def fits(self, memory_gb: int) -> bool:
        """Whether a GPU of that size has the room."""
        return self.peak_gb <= memory_gb * ROOM

    def as_json(self) -> dict[str, JsonValue]:
        """For programs."""
        parts = {"lasting": self.lasting, "updating": self.updating, "sampling": self.sampling}
        return {
            "model": self.recipe.model,
            "sizes_from": self.geometry.origin,
            "parameters": self.geometry.parameters,
            "active_parameters": self.geometry.active,
            "memory_bytes": {name: {part.name: round(part.bytes) for part in each} for name, each in parts.items()},
            "peak_gb": round(self.peak_gb, 2),
            "fits_gb": {str(size): self.fits(size) for size in USUAL_GB},
            "gpu": self.gpu,
            "gpus": self.assumed.nodes * self.assumed.gpus,
            "rows": self.amounts.rows,
            "updates": self.amounts.updates,
            "seconds": {work.name: round(work.seconds, 1) for work in self.works},
            "hours": None if self.hours is None else round(self.hours, 2),
        }

    def told(self) -> str:
        """For people."""
        lines = [
            f"an estimate for {self.recipe.model}: {self.geometry.parameters / 1e9:.4g} B weights, of which "
            f"{self.geometry.active / 1e9:.4g} B work on each token ({self.geometry.origin})",
            "",
            f"memory{' of each GPU' if self.gpu else ''}, rows of at most {self.row_tokens} tokens:",
            *_told_parts("all the time", self.lasting),
            *_told_parts("while updating", self.updating),
            *_told_parts("while sampling, when nothing is updated", self.sampling),
            f"  at most {_bytes(self.peak)}, with {LOOSE:.0%} lost between pieces and {_bytes(STARTED)} for "
            f"{'CUDA' if self.gpu else 'Python and torch'}",
            *(self._verdict() if self.gpu else ()),
            "",
            *self._times(),
        ]
        return "\n".join(lines)

    def _verdict(self) -> list[str]:
        lines = [f"  a GPU of {size} GB: {'enough' if self.fits(size) else 'too small'}" for size in USUAL_GB]
        own = self.assumed.gpu
        if own is not None and GPUS[own].memory_gb not in USUAL_GB:
            enough = "enough" if self.fits(GPUS[own].memory_gb) else "too small"
            lines.append(f"  {own}, of {GPUS[own].memory_gb} GB: {enough}")
        if not self.fits(USUAL_GB[-1]):
            lines.append(f"  {self._mend()}")
        return lines

    def _mend(self) -> str:
        recipe = self.recipe
        if recipe.lora is None:
            return "train an adapter in place of all weights: --set lora.rank=16"
        if recipe.quantization == "none":
            return "pack the weights: --set quantization=4bit"
        if not recipe.gradient_checkpointing:
            return "keep less for the way back: --set gradient_checkpointing=true"
        if recipe.batch_size > 1:
            return "compute fewer rows together: --batch-size 1, and more accumulation"
        return "take shorter rows (data.max_length) or a smaller model"

    def _times(self) -> list[str]:
        machines = self.assumed.nodes * self.assumed.gpus
        where = "one CPU thread" if self.gpu is None else f"{machines} x {self.gpu}"
        if self.hours is None:
            return [f"time: {self.amounts.told}"]
        steps = (
            f"{self.amounts.told}: {self.amounts.updates:,} steps, rows of {self.amounts.row_tokens} tokens on average"
        )
        rows = [(f"  {work.name}", _span(work.seconds), work.formula) for work in self.works]
        return [
            f"time on {where}, give or take a factor of 2:",
            f"  {steps}",
            *align(rows, right=[1]),
            f"  {_span(self.hours * 3600)} in all",
        ]


def plan_of(
    recipe: Recipe, assumed: Assumed | None = None, *, on_gpu: bool | None = None, cpu_flops: float | None = None
) -> Plan:
    """Plan a training; on a CPU where the model is tiny, unless told.

    `cpu_flops` is what a thread of this CPU was measured to reach.
    """
    assumed = assumed or Assumed()
    geometry = geometry_of(recipe.model)
    longest = recipe.data.max_length or (2 * assumed.row_tokens if assumed.row_tokens else _ROW_TOKENS)
    if on_gpu is None:
        on_gpu = geometry.parameters >= ON_CPU or assumed.gpu is not None
    sizes = Sizes(geometry=geometry, recipe=recipe, row_tokens=longest, on_gpu=on_gpu)
    parts = (tuple(lasting(sizes)), tuple(updating(sizes)), tuple(sampling(sizes)))
    peak_gb = ((_sum(parts[0]) + max(_sum(parts[1]), _sum(parts[2]))) * (1 + LOOSE) + STARTED) / GB
    gpu = _gpu(assumed, peak_gb) if on_gpu else None
    found = amounts(sizes, assumed, _counted(recipe))
    rate = cpu_flops if gpu is None and cpu_flops is not None else flops_a_second(sizes, gpu)
    done = tuple(works(sizes, assumed, found, gpu, rate))
    return Plan(
        recipe=recipe,
        assumed=assumed,
        geometry=geometry,
        row_tokens=longest,
        lasting=parts[0],
        updating=parts[1],
        sampling=parts[2],
        amounts=found,
        works=done,
        gpu=gpu,
    )


def _gpu(assumed: Assumed, peak_gb: float) -> GpuName:
    """The one that is told of, or the smallest usual one with enough memory."""
    if assumed.gpu is not None:
        return assumed.gpu
    return _USUAL[next((size for size in USUAL_GB if peak_gb <= size * ROOM), USUAL_GB[-1])]


def _counted(recipe: Recipe) -> int | None:
    """Lines of the data, or of the tasks, where that is at hand: about as many as there are rows."""
    live = recipe.live if recipe.stage == "grpo" else None
    if live is not None:
        return None if live.tasks is None else _lines(live.tasks)
    counts = [_lines(source) for source in recipe.data.sources]
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    return round(sum(known) * max(0.0, 1 - recipe.data.validation_share - recipe.data.test_share))


def _lines(source: Path) -> int | None:
    file = source / "episodes.jsonl" if source.is_dir() else source
    if file.suffix == ".parquet":
        return None
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return None


def _sum(parts: Sequence[Part]) -> float:
    return sum(part.bytes for part in parts)


def _told_parts(when: str, parts: Sequence[Part]) -> list[str]:
    if not parts:
        return []
    rows = [(f"    {part.name}", _bytes(part.bytes), part.formula) for part in parts]
    return [f"  {when}: {_bytes(_sum(parts))}", *align(rows, right=[1])]


def _bytes(size: float) -> str:
    return f"{size / GB:.1f} GB" if size >= 0.1 * GB else f"{size / 1e6:.1f} MB"


def _span(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
