"""GRPO from top to bottom: see what is there, read or play rollouts, judge the start, train, and write the outcome."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.grpo.course import Course
from trainers.grpo.gate import GateError, Start, look_at, refusal
from trainers.grpo.learner import pad_id_of
from trainers.grpo.live import Live
from trainers.grpo.recorded import Recorded, read_groups
from trainers.grpo.scoring import Scorer
from trainers.grpo.steps import Steps
from trainers.grpo.versions import version_after, version_of, write_version
from trainers.grpo.with_trl import check_trl
from trainers.models.loading import Trainee, load_trainee
from trainers.models.saving import merge
from trainers.progress.checkpoints import Checkpoint, check_same, prune
from trainers.progress.log import TrainingLog
from trainers.progress.outcome import Trained
from trainers.progress.outputs import FINAL, MERGED, prepare_outputs
from trainers.progress.ranks import is_first, process_count
from trainers.progress.stopping import stoppable
from trainers.recipe import Recipe

RUNS, GATE = "runs", "gate.json"


def train_grpo(recipe: Recipe, *, resume: bool = False, force: bool = False) -> Trained:
    """Train by a recipe; `resume` goes on from the newest whole checkpoint, where there is one.

    `force` replaces what an earlier training wrote, and begins though the gate says no, which is a GateError.
    """
    _check(recipe)
    begun = prepare_outputs(recipe, resume=resume, force=force)
    _make_way(recipe.output_dir / RUNS, begun, force=force or resume)
    mark = None if begun is None else begun.mark
    with stoppable() as stop, TrainingLog(recipe, mark=mark, total_steps=recipe.max_steps) as log:
        trainee = _placed(load_trainee(recipe))
        start = version_of(recipe.model) if Path(recipe.model).is_dir() else recipe.model
        with _rounds(recipe, trainee, log, start) as rounds:
            if begun is not None:
                check_same(begun.mark, recipe, data=rounds.digest)
            elif is_first():
                _judge(_looked_at(rounds, recipe, trainee), recipe, log, force=force)
            steps = Steps.of(recipe, rounds)
            log.total_steps = steps.total
            course = Course(recipe=recipe, trainee=trainee, rounds=rounds, steps=steps, log=log, stop=stop, begun=begun)
            return _trained(course, start, resume=resume)


def _trained(course: Course, start: str, *, resume: bool) -> Trained:
    recipe, log, stop, total = course.recipe, course.log, course.stop, course.steps.total
    _begin(course, resume=resume)
    if course.first_step >= total and (recipe.output_dir / FINAL).exists():
        return Trained(files=(recipe.output_dir / FINAL,), steps=course.first_step)
    if recipe.backend == "torch":
        from trainers.grpo.with_torch import train
    else:
        from trainers.grpo.with_trl import train
    save = train(course)
    if is_first():
        log.tokens(course.usage())
    if stop.asked and course.done < total:
        log.say(f"stopped after step {course.done} of {total}; go on with --resume")
        return Trained(files=log.files, steps=course.done, exit_code=stop.exit_code)
    if course.idle:
        log.say(f"{course.idle} of {total} updates changed nothing: in none of their groups did rewards differ")
    final = recipe.output_dir / FINAL
    save(final)
    files = _written(course, final, version_after(start, course.done)) if is_first() else []
    return Trained(files=(*files, *log.files), steps=course.done)


@contextmanager
def _rounds(recipe: Recipe, trainee: Trainee, log: TrainingLog, start: str) -> Iterator[Recorded | Live]:
    """Played while training, or recorded before."""
    if recipe.live is not None and not recipe.data.sources:
        live = Live(recipe, trainee, folder=recipe.output_dir / RUNS, version=start)
        try:
            yield live
        finally:
            live.close()
        return
    if recipe.live is not None:
        log.say("data.sources are learnt from, and the table [live] is not used")
    template = getattr(trainee.tokenizer, "chat_template", None)
    groups, notices = read_groups(recipe.data, tokenizer=trainee.tokenizer if template else None)
    for line in notices:
        log.say(line)
    size = max(8, recipe.batch_size)
    scorer = Scorer(model=trainee.model, pad_id=pad_id_of(trainee.tokenizer), batch_size=size)
    recorded = Recorded(groups, recipe, scorer=scorer, version=start)
    if recorded.rescored:
        told = "have no log-probabilities of who sampled them: they count as sampled by the weights before the first"
        log.say(f"{recorded.rescored} rows {told} update")
    yield recorded


def _looked_at(rounds: Recorded | Live, recipe: Recipe, trainee: Trainee) -> Start:
    vocabulary = int(trainee.model.get_input_embeddings().weight.shape[0])
    if isinstance(rounds, Recorded):
        return look_at(rounds.looked_at, vocabulary=vocabulary)
    count = recipe.gate.groups
    groups = rounds.sampled("gate", count)
    return look_at(groups, vocabulary=vocabulary, greedy_reward=rounds.greedy("gate-greedy", count))


def _judge(found: Start, recipe: Recipe, log: TrainingLog, *, force: bool) -> None:
    told = refusal(found, recipe.gate)
    log.write(GATE, {**found.as_json(), "refused": told})
    log.say(found.told())
    if told is not None and not force:
        raise GateError(f"{told}; --force begins nevertheless")
    if told is not None:
        log.say(f"begun by --force, though {told}")


def _begin(course: Course, *, resume: bool) -> None:
    recipe, log, steps, begun = course.recipe, course.log, course.steps, course.begun
    log.settings(
        rows_per_round=course.rounds.most_rows,
        rounds=steps.rounds,
        rounds_per_epoch=course.rounds.count,
        steps=steps.total,
        processes=process_count(),
        data=course.rounds.digest,
    )
    each = "" if steps.a_round == 1 else f", {steps.a_round} updates each"
    log.say(f"{steps.rounds} rounds of {recipe.grpo.groups_per_step} groups{each}: {steps.total} steps")
    if begun is not None:
        log.say(f"going on after step {begun.mark.step}, from {begun.folder}")
    elif resume:
        log.say(f"{recipe.output_dir} holds no whole checkpoint, so training begins anew")
    if is_first():
        prune(recipe.output_dir, recipe.keep_checkpoints)


def _written(course: Course, final: Path, version: str) -> list[Path]:
    recipe, merged = course.recipe, course.recipe.output_dir / MERGED
    write_version(final, version)
    if not (course.trainee.adapter and recipe.merge):
        return [final]
    merge(final, merged)
    write_version(merged, version)
    return [final, merged]


def _check(recipe: Recipe) -> None:
    """What is amiss before anything is read or loaded."""
    if recipe.live is None and not recipe.data.sources:
        raise UsageError("no data to learn from; name runs with --data, or let the recipe play: [live] environment")
    if recipe.use_vllm and (recipe.backend != "trl" or recipe.live is None or recipe.live.base_url is None):
        raise UsageError("use_vllm gives a vLLM server its weights by trl: it needs --backend trl and live.base_url")
    if recipe.backend == "trl":
        check_trl()


def _make_way(folder: Path, begun: Checkpoint | None, *, force: bool) -> None:
    """Rollouts of another training are never learnt from by mistake; those that only a gate looked at are nobody's."""
    if begun is not None or not folder.exists():
        return
    if not force and any(folder.glob("step-*")):
        mend = "go on with it by --resume, name another --output-dir, or replace it by --force"
        raise UsageError(f"{folder} holds rollouts of an earlier training; {mend}")
    shutil.rmtree(folder)


def _placed(trainee: Trainee) -> Trainee:
    """On this process's GPU, where there is one; what is quantised lies there already."""
    require("transformers").utils.logging.disable_progress_bar()
    torch: Any = require("torch")
    if torch.cuda.is_available() and not getattr(trainee.model, "is_quantized", False):
        trainee.model.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
    return trainee
