"""Imitation from top to bottom: see what is there, read the rows and the model, train, and write what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from agentgym.messages import JsonObject
from trainers.models.folders import written
from trainers.models.loading import load_trainee
from trainers.models.saving import merge
from trainers.models.sources import read_tokenizer
from trainers.progress.checkpoints import Checkpoint, check_same, prune
from trainers.progress.log import TrainingLog
from trainers.progress.outcome import Trained
from trainers.progress.outputs import FINAL, MERGED, prepare_outputs
from trainers.progress.ranks import is_first, process_count
from trainers.progress.stopping import Stop, stoppable
from trainers.recipe import Recipe
from trainers.sft.course import Course, Save
from trainers.sft.plan import Plan
from trainers.sft.rows import Rows, check_known, read_rows


def train_sft(recipe: Recipe, *, resume: bool = False, force: bool = False) -> Trained:
    """Train by a recipe; `resume` goes on from the newest whole checkpoint, where there is one.

    `force` replaces what an earlier training wrote.
    """
    begun = prepare_outputs(recipe, resume=resume, force=force)
    tokenizer = read_tokenizer(recipe.tokenizer or recipe.model)
    rows = read_rows(recipe, tokenizer)
    digest = rows.digest
    if begun is not None:
        check_same(begun.mark, recipe, data=digest)
    plan = Plan(rows.train, recipe, processes=process_count())
    if begun is not None and begun.mark.step >= plan.total_steps and (recipe.output_dir / FINAL).exists():
        return Trained(files=(recipe.output_dir / FINAL,), steps=begun.mark.step)
    with (
        stoppable() as stop,
        TrainingLog(recipe, mark=None if begun is None else begun.mark, total_steps=plan.total_steps) as log,
    ):
        _begin(recipe, rows, plan, log, begun, resume=resume)
        course = _course(recipe, rows, plan, log, stop, digest, begun)
        save = _train(course)
        log.tokens(plan.usage(course.done))
        finished = course.done >= plan.total_steps
        written_to = _written(course, save) if finished else []
        if not finished:
            log.say(f"stopped after step {course.done} of {plan.total_steps}; go on with --resume")
    code = 0 if finished else stop.exit_code
    return Trained(files=(*written_to, *log.files), steps=course.done, exit_code=code)


def _course(
    recipe: Recipe, rows: Rows, plan: Plan, log: TrainingLog, stop: Stop, digest: str, begun: Checkpoint | None
) -> Course:
    require("torch").manual_seed(recipe.seed)  # an adapter begins with weights drawn by chance
    trainee = load_trainee(recipe)
    _tell_long(rows, trainee.model, log)
    check_known(rows, vocabulary=trainee.model.get_input_embeddings().weight.shape[0], source=recipe.model)
    return Course(recipe=recipe, trainee=trainee, rows=rows, plan=plan, log=log, stop=stop, digest=digest, begun=begun)


def _tell_long(rows: Rows, model: Any, log: TrainingLog) -> None:
    """Say that rows are longer than what the model was made for; most models take them, and badly."""
    known = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    long = sum(len(row) > known for row in rows.train) if isinstance(known, int) else 0
    if long:
        log.say(
            f"rows that are longer than the {known} tokens that the model was made for: {long}; see data.max_length"
        )


def _train(course: Course) -> Save:
    if course.recipe.backend == "torch":
        from trainers.sft.with_torch import train
    else:
        from trainers.sft.with_trl import train
    try:
        return train(course)
    except require("torch").OutOfMemoryError as error:
        told = str(error).splitlines()[0]
        mend = "halve batch_size and double accumulation, or set gradient_checkpointing, lora or quantization"
        raise UsageError(f"memory is too small: {told}; {mend}") from error


def _begin(recipe: Recipe, rows: Rows, plan: Plan, log: TrainingLog, begun: Checkpoint | None, *, resume: bool) -> None:
    """Say and write down what is going to be learnt from."""
    log.settings(
        rows={"train": len(rows.train), "validation": len(rows.validation)},
        tokens=_tokens(plan),
        steps=plan.total_steps,
        steps_per_epoch=plan.steps_per_epoch,
        processes=process_count(),
        data=rows.digest,
    )
    for line in rows.notices:
        log.say(line)
    log.say(f"{len(rows.train)} rows to train on, {len(rows.validation)} to validate with: {plan.total_steps} steps")
    if begun is not None:
        log.say(f"going on after step {begun.mark.step}, from {begun.folder}")
    elif resume:
        log.say(f"{recipe.output_dir} holds no whole checkpoint, so training begins anew")
    if is_first():
        prune(recipe.output_dir, recipe.keep_checkpoints)


def _written(course: Course, save: Save) -> list[Path]:
    """The model that is the result, and the one that its adapter is merged into."""
    recipe, best = course.recipe, course.best()
    final, merged = recipe.output_dir / FINAL, recipe.output_dir / MERGED
    if best is None or best[0] == course.plan.total_steps:
        save(final)
    elif is_first():
        with written(final) as place:
            course.take_best(place)
        course.log.say(f"{final} is of step {best[0]}, whose validation loss is the lowest: {best[1]:.4g}")
    if not is_first():
        return []
    course.drop_best()
    if not (course.trainee.adapter and recipe.merge):
        return [final]
    merge(final, merged)
    return [final, merged]


def _tokens(plan: Plan) -> JsonObject:
    return {"trained": sum(plan.trained), "context": sum(plan.lengths) - sum(plan.trained)}
