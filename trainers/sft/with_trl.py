"""Imitation by TRL's SFTTrainer, which is given the rows as they are: nothing is rendered, tokenised or cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError, boundary
from agentgym.extras import require
from trainers.dataset.rows import IGNORED, TokenRow
from trainers.models.loading import computing
from trainers.models.saving import save_trainee
from trainers.progress.checkpoints import prune, write_mark
from trainers.progress.ranks import is_first
from trainers.recipe import Recipe
from trainers.sft.course import Course, Save
from trainers.sft.plan import Plan

_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def train(course: Course) -> Save:
    """Train to the end, or until somebody asks for one; what comes back writes the model."""
    trainer = _trainer_class()(course)
    trainer.train(resume_from_checkpoint=None if course.begun is None else str(course.begun.folder))
    save: Save = trainer.save
    return save


def settings(recipe: Recipe, plan: Plan) -> Any:
    """The recipe in TRL's words; when to tell, to validate and to save is the course's matter."""
    trl, torch = require("trl"), require("torch")
    numbers, optimizer = computing(recipe), recipe.optimizer
    on_gpu = torch.cuda.is_available()
    return trl.SFTConfig(
        output_dir=str(recipe.output_dir),
        seed=recipe.seed,
        max_steps=plan.total_steps,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=optimizer.learning_rate,
        lr_scheduler_type=_SCHEDULES[optimizer.schedule],
        warmup_steps=optimizer.warmup_steps,
        weight_decay=optimizer.weight_decay,
        max_grad_norm=optimizer.max_grad_norm,
        optim="adamw_torch_fused",
        bf16=numbers == "bfloat16",
        fp16=numbers == "float16",
        use_cpu=not on_gpu,
        **checkpointing(recipe),
        max_length=None,
        shuffle_dataset=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
        average_tokens_across_devices=True,
        ddp_find_unused_parameters=False,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def checkpointing(recipe: Recipe) -> dict[str, Any]:
    """Whether activations are worked out anew, by the name that this transformers has for it."""
    names = require("trl").SFTConfig.__dataclass_fields__
    name = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
    wanted = recipe.gradient_checkpointing
    return {name: wanted, f"{name}_kwargs": {"use_reentrant": False} if wanted else None}


def dataset_of(rows: Sequence[TokenRow]) -> Any:
    """Tokens, and as labels those that train; the first of a row never does, for nothing foretells it."""
    datasets, pa = require("datasets"), require("pyarrow")
    columns = {
        "input_ids": pa.array((list(row.input_ids) for row in rows), type=pa.list_(pa.int32())),
        "labels": pa.array(([IGNORED, *row.labels[1:]] for row in rows), type=pa.list_(pa.int32())),
    }
    return datasets.Dataset(pa.table(columns))


class _Order:
    """The places of an epoch's rows, as the plan has them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        return (place for batch in self._plan.epoch(self.epoch) for place in batch)

    def __len__(self) -> int:
        return len(self._plan.lengths)


def _trainer_class() -> Any:
    """SFTTrainer that goes the course's way: its order of rows, its times, its log. TRL is slow to import."""
    require("transformers").utils.logging.disable_progress_bar()
    base: Any = require("trl").SFTTrainer
    watch, printer = _watch_class(), require("transformers").PrinterCallback

    class CourseTrainer(base):  # type: ignore[misc]  # of a package without types here
        def __init__(self, course: Course) -> None:
            self.course = course
            self.order = _Order(course.plan)
            rows, trainee = course.rows, course.trainee
            super().__init__(
                model=trainee.model,
                args=settings(course.recipe, course.plan),
                train_dataset=dataset_of(rows.train),
                eval_dataset=dataset_of(rows.validation) if rows.validation else None,
                processing_class=trainee.tokenizer,
                callbacks=[watch(self)],
            )
            self.remove_callback(printer)  # standard output is for results

        def _get_train_sampler(self, train_dataset: Any = None) -> _Order:
            return self.order

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            super().log(logs, start_time)
            if "loss" in logs:
                norm, rate = logs.get("grad_norm"), logs["learning_rate"]
                self.course.tell(self.state.global_step, loss=logs["loss"], learning_rate=rate, grad_norm=norm)

        def evaluate(self, *args: Any, **more: Any) -> dict[str, float]:
            loss, accuracy = _validated(self)
            self.course.validated(self.state.global_step, loss=loss, token_accuracy=accuracy, save=self.save)
            metrics = {"eval_loss": loss}
            self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            folder = self.course.checkpoint(self.state.global_step)
            with boundary(UsageError, f"{folder} cannot be written; make room, then go on with --resume"):
                super()._save_checkpoint(model, trial)
            _mark(self)

        def create_model_card(self, *args: Any, **more: Any) -> None:
            """None: it would name the folder a model on the hub."""

        def save(self, folder: Path) -> None:
            _save(self, folder)

    return CourseTrainer


def _watch_class() -> Any:
    base: Any = require("transformers").TrainerCallback

    class Watch(base):  # type: ignore[misc]  # of a package without types here
        """Has the trainer do what is due."""

        def __init__(self, trainer: Any) -> None:
            self.trainer = trainer

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            self.trainer.order.epoch = state.global_step // self.trainer.course.plan.steps_per_epoch

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            course, step, stops = self.trainer.course, state.global_step, _stops(self.trainer)
            control.should_save = course.saves(step)
            control.should_log = course.tells(step) or control.should_save  # a loss that is no number is not saved
            control.should_evaluate = course.validates(step)
            control.should_training_stop = stops or step >= course.plan.total_steps

    return Watch


def _stops(trainer: Any) -> bool:
    """Whether any process was asked to stop: all of them must leave off after the same step."""
    stop = trainer.course.stop
    if trainer.accelerator.num_processes > 1:
        asked = require("torch").tensor(int(stop.asked), device=trainer.args.device)
        if int(trainer.accelerator.reduce(asked)):
            stop.ask()
    return bool(stop.asked)


def _validated(trainer: Any) -> tuple[float, float]:
    """The loss and the accuracy by token, as the other backend has them: TRL takes the mean over unlike batches."""
    torch, model = require("torch"), trainer.model_wrapped
    sums = torch.zeros(3, dtype=torch.float64)
    model.eval()
    with torch.no_grad():
        for inputs in trainer.get_eval_dataloader():
            out = model(**trainer._prepare_inputs(inputs), use_cache=False, fused_lm_head=True)
            rows = torch.stack([part.sum(-1).float() for part in (-out.log_probs, out.is_top1, out.label_mask)], dim=-1)
            sums += trainer.accelerator.gather_for_metrics(rows).double().sum(0).cpu()
    model.train()
    loss, right, count = sums.tolist()
    return loss / count, right / count


def _mark(trainer: Any) -> None:
    """Say that a checkpoint is whole, once every process has written its part."""
    course, step = trainer.course, trainer.state.global_step
    trainer.accelerator.wait_for_everyone()
    if is_first():
        folder = course.checkpoint(step)
        write_mark(folder, course.mark(step))
        prune(course.recipe.output_dir, course.recipe.keep_checkpoints)
        course.log.say(f"step {step}: {folder}")


def _save(trainer: Any, folder: Path) -> None:
    """Write the model; weights that are spread over processes are brought together first."""
    spread = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if spread else None
    if is_first():
        save_trainee(trainer.course.trainee, folder, weights=weights)
    trainer.accelerator.wait_for_everyone()
