"""How long a training takes, by what must be computed and what a machine computes; an estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trainers.recipes.assumed import GPUS, Assumed, GpuName
from trainers.recipes.memory import PACKED, Sizes, adapter_size

CPU_FLOPS = 4e10
"""Of one thread, in whole numbers: a model of 0.32 M weights was measured to train on 27,000 tokens a second."""
ON_CPU = 5e7
"""A model of fewer weights is planned for a CPU."""
DENSE, PACKED_SHARE, EXPERTS_SHARE = 0.35, 0.7, 0.4
"""What a GPU reaches of its best in 16 bit; of that, where weights are unpacked first; of that, with experts."""
LAUNCH_S = 0.6e-3
"""What a layer costs a sampled token besides reading its weights: many small launches."""
SAMPLED_SHARE = 0.25
"""Of the tokens of a row that rollouts gave: what the model said, and not the prompt or a tool."""
FORWARD, BACKWARD_THROUGH, BACKWARD_INTO = 2, 2, 2
"""Operations for each weight and token: the answer, its gradient, and that of the weight."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something that takes time."""

    name: str
    seconds: float
    formula: str


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much there is to do, all machines together."""

    rows: int | None
    row_tokens: int
    updates: int | None
    told: str

    @property
    def tokens(self) -> int | None:
        """That are learnt from."""
        return None if self.rows is None else self.rows * self.row_tokens


def amounts(sizes: Sizes, assumed: Assumed, counted: int | None) -> Amounts:
    """Rows and updates of the whole training; `counted` are the rows found in the data, or tasks."""
    recipe = sizes.recipe
    row_tokens = min(assumed.row_tokens or max(1, sizes.row_tokens // 2), sizes.row_tokens)
    live = recipe.live if recipe.stage == "grpo" else None
    group = live.group_size if live is not None else 1
    if recipe.stage == "grpo" and live is None:
        step = recipe.batch_size * recipe.accumulation
    elif live is not None:
        step = recipe.grpo.groups_per_step * group
    else:
        step = recipe.batch_size * recipe.accumulation * assumed.nodes * assumed.gpus
    what = "rollouts" if live is not None else "rows"
    if recipe.max_steps is not None:
        told = f"{recipe.max_steps} steps of {step} {what}"
        return Amounts(recipe.max_steps * step, row_tokens, recipe.max_steps, told)
    each = counted if counted is not None else assumed.rows
    if each is None:
        return Amounts(None, row_tokens, None, f"how many {what} there are is not known; give --data, or max_steps")
    rows = round(each * group * recipe.epochs)
    origin = "counted" if counted is not None else "assumed"
    tasks = f"{each} tasks ({origin}) x {group} rollouts" if live is not None else f"{each} rows ({origin})"
    return Amounts(rows, row_tokens, -(-rows // step), f"{tasks} x {recipe.epochs:g} epochs")


def token_flops(sizes: Sizes) -> float:
    """Operations to learn from a token."""
    recipe, geometry = sizes.recipe, sizes.geometry
    passes = FORWARD + BACKWARD_THROUGH + (FORWARD if recipe.gradient_checkpointing else 0)
    weights = passes * geometry.active
    weights += BACKWARD_INTO * (geometry.active if recipe.lora is None else adapter_size(geometry, recipe.lora))
    attention = 2 * geometry.layers * geometry.queries * sizes.row_tokens
    return weights + attention * (passes / FORWARD + 1)


def flops_a_second(sizes: Sizes, gpu: GpuName | None) -> float:
    """What a machine is expected to reach; without a GPU, one thread of a CPU."""
    if gpu is None:
        return CPU_FLOPS
    share = DENSE * (EXPERTS_SHARE if sizes.geometry.experts else 1)
    if sizes.recipe.quantization == "4bit":
        share *= PACKED_SHARE
    if sizes.number > 2:
        share /= 8  # whole numbers go through slower units
    return GPUS[gpu].tflops * 1e12 * share


def works(sizes: Sizes, assumed: Assumed, found: Amounts, gpu: GpuName | None, rate: float) -> Iterator[Work]:
    """What takes time, on machines that reach `rate` operations a second each."""
    if found.rows is None or found.tokens is None:
        return
    machines = assumed.nodes * assumed.gpus
    live = sizes.recipe.live if sizes.recipe.stage == "grpo" else None
    if live is not None:
        said = round(found.tokens * SAMPLED_SHARE)
        rows = min(sizes.recipe.grpo.groups_per_step * live.group_size, live.concurrency)
        step = _sampled_s(sizes, gpu, rows, rate)
        heard_s = found.tokens * FORWARD * sizes.geometry.active / rate
        told = f"{said:,} tokens sampled, {rows} at a time in {step * 1e3:.3g} ms, and {found.tokens:,} read"
        yield Work("rollouts", (said / rows * step + heard_s) / machines, told)
    each, again = token_flops(sizes), sizes.recipe.grpo.iterations if sizes.recipe.stage == "grpo" else 1
    told = f"{found.tokens:,} tokens x {each:.2g} operations / {rate * machines:.2g} a second"
    yield Work("updates", found.tokens * again * each / rate / machines, told)


def _sampled_s(sizes: Sizes, gpu: GpuName | None, rows: int, rate: float) -> float:
    """One more token for each row: all weights are read once, or computed with where that is slower."""
    geometry = sizes.geometry
    computed = rows * FORWARD * geometry.active / rate
    if gpu is None:
        return computed
    each = PACKED if sizes.recipe.quantization == "4bit" else sizes.number
    read = geometry.parameters * each / (GPUS[gpu].terabytes_s * 1e12)
    return max(read, computed) + geometry.layers * LAUNCH_S
