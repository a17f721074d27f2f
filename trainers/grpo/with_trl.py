"""GRPO by trl: its trainer learns from rows that it did not sample, and takes the ratio to whoever did.

Without vLLM the stock trainer takes the log-probabilities of its own weights for those of the policy that sampled, so
that recorded rows count as fresh ones. `RecordedGRPOTrainer` overrides the one method that makes its batches.
"""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.grpo.course import Course, Save
from trainers.grpo.steps import Steps
from trainers.models.loading import Trainee, computing
from trainers.recipe import Recipe

FITTING = ((1, 16), (1, 17))
"""The versions of trl that the overridden method is known of: from the first on, before the second."""

if TYPE_CHECKING:
    RecordedGRPOTrainer: Any


def __getattr__(name: str) -> Any:
    if name == "RecordedGRPOTrainer":
        return recorded_trainer()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def check_trl() -> None:
    """UsageError where another version of trl is installed than the one whose method is overridden."""
    found = str(require("trl").__version__)
    least, below = FITTING
    parts = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if not least <= parts < below:
        wanted = f"trl>={'.'.join(map(str, least))},<{'.'.join(map(str, below))}"
        raise UsageError(
            f"trl {found} is installed, and GRPO needs {wanted}: pip install '{wanted}', or --backend torch"
        )


def recorded_trainer() -> Any:
    """The class; trl is imported now."""
    check_trl()
    from trainers.grpo.trainer import RecordedGRPOTrainer

    return RecordedGRPOTrainer


def train(course: Course) -> Save:
    """Train to the end, or until somebody asks for one; what comes back writes the model."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    check_trl()
    check_head(course.trainee)
    from trainers.grpo.watching import CourseTrainer

    rounds = course.rounds
    args = config(course.recipe, course.steps, longest=rounds.longest, temperature=rounds.temperature)
    trainer = CourseTrainer(course, args)
    trainer.train(resume_from_checkpoint=None if course.begun is None else str(course.begun.folder))
    save: Save = trainer.save
    return save


def config(recipe: Recipe, steps: Steps, *, longest: int, temperature: float) -> Any:
    """The recipe in trl's words."""
    check_trl()
    cuda, numbers, grpo = require("torch").cuda.is_available(), computing(recipe), recipe.grpo
    schedule = "constant_with_warmup" if recipe.optimizer.schedule == "constant" else recipe.optimizer.schedule
    more: dict[str, Any] = _checkpointing(recipe)
    if recipe.use_vllm and recipe.live is not None and recipe.live.base_url is not None:
        url = recipe.live.base_url.rstrip("/").removesuffix("/v1")
        more |= {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": url}
        more["vllm_importance_sampling_correction"] = False  # what was sampled is what the ratio is taken to
    return require("trl").GRPOConfig(
        output_dir=str(recipe.output_dir),
        per_device_train_batch_size=2,  # in name only: how many rows a batch has is for the round to say
        num_generations=2,
        gradient_accumulation_steps=steps.batches,
        steps_per_generation=steps.batches * steps.updates,
        num_iterations=steps.iterations,
        max_steps=steps.total,
        learning_rate=recipe.optimizer.learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=recipe.optimizer.warmup_steps,
        weight_decay=recipe.optimizer.weight_decay,
        max_grad_norm=recipe.optimizer.max_grad_norm,
        loss_type="grpo" if grpo.loss == "gspo" else grpo.loss,
        importance_sampling_level="sequence" if grpo.loss == "gspo" else "token",
        epsilon=grpo.epsilon,
        epsilon_high=grpo.epsilon_high,
        delta=grpo.delta,
        beta=grpo.beta,
        temperature=temperature,
        max_completion_length=longest,
        bf16=numbers == "bfloat16",
        fp16=numbers == "float16",
        use_cpu=not cuda,
        seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        ignore_data_skip=True,  # a round is chosen by its number, and not by what a loader gave before
        dataloader_num_workers=0,
        dataloader_pin_memory=cuda,
        remove_unused_columns=False,
        **more,
    )


def _checkpointing(recipe: Recipe) -> dict[str, Any]:
    """By the name that transformers has for it now; trl would have it on."""
    known = {field.name for field in fields(require("trl").GRPOConfig)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    wishes: dict[str, Any] = {name: recipe.gradient_checkpointing}
    return wishes | ({f"{name}_kwargs": {"use_reentrant": False}} if recipe.gradient_checkpointing else {})


def check_head(trainee: Trainee) -> None:
    """An adapter on the head would never train: trl takes the head's own weights, and goes past it."""
    head = trainee.model.get_output_embeddings() if trainee.adapter else None
    if head is not None and hasattr(head, "lora_A"):
        raise UsageError(
            "an adapter on lm_head does not train with GRPO in trl, which computes log-probabilities from the head's "
            "own weights; take lm_head out of lora.target_modules, or train with --backend torch"
        )
