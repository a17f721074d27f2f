"""A plan held against what was measured: one step of a tiny model, by the settings of a recipe, on this machine."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import JsonValue

from agentgym.cli.output import align
from agentgym.extras import require
from trainers.learning.batches import Batch
from trainers.learning.scores import token_logprobs
from trainers.learning.updater import Updater
from trainers.recipe import Recipe
from trainers.recipes.assumed import Assumed
from trainers.recipes.duration import token_flops
from trainers.recipes.memory import Sizes
from trainers.recipes.plan import Plan, plan_of

TINY = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "vocab_size": 500,
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}
"""A model of 0.2 M weights, of the kind of Qwen3."""
ROWS, TOKENS = 8, 64
"""Of the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one step took, in bytes; and how much is learnt from in a second."""

    weights: int
    """All of them, an adapter's too."""
    gradients: int
    optimizer: int
    updating: int
    """At the most, on the way there and back: activations, logits and gradients."""
    tokens_a_second: float
    flops_a_token: float

    @property
    def flops_a_second(self) -> float:
        """What this machine reaches: it tells how long another model takes here."""
        return self.tokens_a_second * self.flops_a_token


@dataclass(frozen=True, slots=True)
class Check:
    """A measured step, and the plan for just that."""

    plan: Plan
    measured: Measured

    def told(self) -> str:
        """For people."""
        measured, config = self.measured, self.plan.geometry
        rows = [
            (f"  {name}", f"{planned / 1e6:.2f} MB", f"{found / 1e6:.2f} MB", f"{planned / found:.2f}")
            for name, planned, found in self.lines()
        ]
        return "\n".join(
            [
                f"the plan held against a step of {config.parameters / 1e6:.2f} M weights on this machine's CPU:",
                *align([("", "planned", "measured", "ratio"), *rows], right=(1, 2, 3)),
                f"  {measured.tokens_a_second:,.0f} tokens a second x {measured.flops_a_token:.2g} operations = "
                f"{measured.flops_a_second:.2g} a second; by that, time on a CPU is estimated",
            ]
        )

    def as_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "bytes": {name: {"planned": round(planned), "measured": found} for name, planned, found in self.lines()},
            "tokens_per_second": round(self.measured.tokens_a_second, 1),
            "flops_per_second": round(self.measured.flops_a_second),
        }

    def lines(self) -> list[tuple[str, float, int]]:
        """What, as planned and as measured, in bytes."""
        parts = {part.name: part.bytes for part in (*self.plan.lasting, *self.plan.updating)}
        return [
            ("weights", parts["weights"] + parts.get("adapter", 0), self.measured.weights),
            ("gradients", parts["gradients"], self.measured.gradients),
            ("optimizer", parts["optimizer"], self.measured.optimizer),
            ("updating", parts["activations"] + parts["logits"], self.measured.updating),
        ]


def check_plan(recipe: Recipe, *, config: dict[str, Any] | None = None, steps: int = 5) -> Check:
    """Plan for a tiny model, and measure it; in whole numbers, on the CPU, by our own loop."""
    with TemporaryDirectory(prefix="agentgym-plan-") as folder:
        Path(folder, "config.json").write_text(json.dumps(config or TINY), encoding="utf-8")
        tiny = recipe.model_copy(
            update={
                "model": folder,
                "backend": "torch",
                "numbers": "float32",
                "quantization": "none",
                "batch_size": ROWS,
                "live": None,
                "data": recipe.data.model_copy(update={"max_length": TOKENS, "sources": ()}),
            }
        )
        plan = plan_of(tiny, Assumed(), on_gpu=False)
        sizes = Sizes(geometry=plan.geometry, recipe=tiny, row_tokens=TOKENS, on_gpu=False)
        return Check(plan, _measured(tiny, config or TINY, token_flops(sizes), steps))


def _measured(recipe: Recipe, config: dict[str, Any], flops_a_token: float, steps: int) -> Measured:
    torch = require("torch")
    model = _model(recipe, config)
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    updater = Updater(model, recipe.optimizer, total_steps=steps + 1)
    ids = torch.randint(config["vocab_size"], (ROWS, TOKENS), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:, 0] = False
    batch = Batch(input_ids=ids, attention_mask=torch.ones_like(ids), mask=mask)
    with _peak() as peak:  # a step that is not timed, and makes the optimizer's averages
        updater.backward(-token_logprobs(model, batch).mean())
    gradients = sum(_bytes(weights.grad) for weights in trained if weights.grad is not None)
    updater.step()
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        updater.backward(-token_logprobs(model, batch).mean())
        updater.step()
        seconds.append(time.perf_counter() - began)
    states = updater.state()["optimizer"]["state"].values()
    averages = [value for state in states for value in state.values() if value.dim()]
    return Measured(
        weights=sum(map(_bytes, model.parameters())),
        gradients=gradients,
        optimizer=sum(map(_bytes, averages)),
        updating=peak[0],
        tokens_a_second=ROWS * TOKENS / median(seconds),
        flops_a_token=flops_a_token,
    )


def _model(recipe: Recipe, config: dict[str, Any]) -> Any:
    """As it would be trained: with an adapter, or to be computed again on the way back."""
    torch, transformers = require("torch"), require("transformers")
    torch.manual_seed(0)
    told = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    attention = recipe.attention or "sdpa"
    made = transformers.AutoConfig.for_model(config["model_type"], **told)
    model = transformers.AutoModelForCausalLM.from_config(made, attn_implementation=attention)
    if recipe.gradient_checkpointing:
        newer = getattr(model, "activation_checkpointing_enable", None)  # as newer versions call it
        (newer or model.gradient_checkpointing_enable)({"use_reentrant": False})
    if recipe.lora is not None:
        peft, lora = require("peft"), recipe.lora
        modules = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
        settings = peft.LoraConfig(
            r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=modules, task_type="CAUSAL_LM"
        )
        model = peft.get_peft_model(model, settings)
        if recipe.gradient_checkpointing:
            model.enable_input_require_grads()
    return model.train()


@contextmanager
def _peak() -> Iterator[list[int]]:
    """The most bytes at a time of all that is made inside, gradients too."""
    storages: set[int] = set()
    sizes = [0, 0]  # the most, and now
    dispatch: Any = require("torch.utils._python_dispatch").TorchDispatchMode
    leaves = require("torch.utils._pytree").tree_leaves

    def gone(key: int, size: int) -> None:
        storages.discard(key)
        sizes[1] -= size

    class Watch(dispatch):  # type: ignore[misc]  # of a package without types here
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            given = {_storage(value) for value in leaves((args, kwargs)) if hasattr(value, "untyped_storage")}
            made = func(*args, **(kwargs or {}))
            for value in leaves(made):
                if not hasattr(value, "untyped_storage"):
                    continue
                key, size = _storage(value), value.untyped_storage().nbytes()
                if key in given or key in storages or not size:
                    continue
                storages.add(key)
                sizes[1] += size
                sizes[0] = max(sizes)
                weakref.finalize(value.untyped_storage(), gone, key, size)
            return made

    with Watch():
        yield sizes


def _storage(tensor: Any) -> int:
    return int(tensor.untyped_storage().data_ptr())


def _bytes(tensor: Any) -> int:
    return int(tensor.numel() * tensor.element_size())
