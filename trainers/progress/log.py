"""The folder of a training's figures: `training_log/<run>/`, and beside it what is said while it goes on."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import BinaryIO, Self

import orjson
from pydantic import JsonValue

from agentgym import __version__
from agentgym.errors import MissingExtraError, StoreError, describe
from agentgym.jsontext import dump_json
from agentgym.logs import SecretsFilter, TextFormatter
from agentgym.messages import JsonObject
from agentgym.runs import whole_lines, write_whole
from trainers.progress.checkpoints import Mark, recorded
from trainers.progress.picture import draw
from trainers.progress.ranks import is_first
from trainers.recipe import Recipe

EVERY_S = 10.0
"""How often a line on standard error says how far it is."""
METRICS, HPARAMS, USAGE, VALIDATION, PICTURE = (
    "metrics.jsonl",
    "hparams.json",
    "token_usage.json",
    "validation.json",
    "loss.png",
)
LATEST = "latest.log"
_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
_LOG = logging.getLogger("trainers.progress")


class TrainingLog:
    """`with TrainingLog(recipe) as log: log.metrics(1, loss=2.5)`; of several processes only the first one writes.

    With the mark of a checkpoint it goes on with that training's files, of which what came after is taken off.
    """

    def __init__(self, recipe: Recipe, *, mark: Mark | None = None, total_steps: int | None = None) -> None:
        began = f"{recipe.stage}-{datetime.now():%Y%m%d-%H%M%S}"
        self.recipe = recipe
        self.run = recipe.run_name or (mark.run if mark is not None else began)
        self.folder = recipe.log_dir / self.run
        self.total_steps = total_steps
        self._mark = mark
        self._writes = is_first()
        self._open = ExitStack()
        self._validations: list[JsonObject] = []
        self._files: list[Path] = []
        self._began = monotonic()
        self._told = -math.inf

    def __enter__(self) -> Self:
        self._began = monotonic() - (self._mark.seconds if self._mark is not None else 0.0)
        if self._writes:
            with ExitStack() as stack:
                try:
                    self.folder.mkdir(parents=True, exist_ok=True)
                    self._cut()
                    self._lines: BinaryIO = stack.enter_context((self.folder / METRICS).open("ab", buffering=0))
                    self._listen(stack)
                except OSError as error:
                    raise StoreError(f"{self.folder} cannot be written: {error.strerror}") from None
                self._open = stack.pop_all()
            self._files += [self.folder / METRICS, self.recipe.log_dir / LATEST]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._open:
            if self._writes and error is not None:
                _LOG.error("ended by %s", describe(error))
            elif self._writes:
                self._draw()

    @property
    def seconds(self) -> float:
        """That training took so far, before it was cut short too."""
        return monotonic() - self._began

    @property
    def files(self) -> tuple[Path, ...]:
        """All that was written."""
        return tuple(dict.fromkeys(self._files))

    def metrics(self, step: int, **figures: JsonValue) -> None:
        """The figures of a step, as a line of `metrics.jsonl`."""
        if not self._writes:
            return
        line: JsonObject = {"step": step, **figures, "seconds": round(self.seconds, 3)}
        try:
            self._lines.write(dump_json(line) + b"\n")
        except OSError as error:
            told = f"{self.folder / METRICS} cannot be written: {error.strerror}"
            raise StoreError(f"{told}; mend that, then go on with --resume") from None
        told = self._sentence(step, figures)
        _LOG.info("%s", told)
        if self._due(step):
            sys.stderr.write(f"{told}\n")

    def validation(self, step: int, **figures: JsonValue) -> None:
        """The figures of a validation, in `validation.json`."""
        self._validations.append({"step": step, **figures})
        self.write(VALIDATION, {"validations": list(self._validations)})
        self.say(self._sentence(step, {f"validation {name}": value for name, value in figures.items()}))

    def settings(self, **counts: JsonValue) -> None:
        """The whole recipe, the versions of what trains, and counts of what is learnt from, in `hparams.json`."""
        self.write(HPARAMS, {"recipe": recorded(self.recipe), "versions": versions(), **counts})

    def tokens(self, usage: JsonObject) -> None:
        """What was trained on, in `token_usage.json`."""
        self.write(USAGE, usage)

    def write(self, name: str, value: JsonObject) -> None:
        """Any other figures, in a file of their own."""
        if not self._writes:
            return
        path = self.folder / name
        try:
            write_whole(path, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from None
        self._files.append(path)

    def say(self, line: str) -> None:
        """Tell something, on standard error and in `latest.log`."""
        if self._writes:
            _LOG.info("%s", line)
            sys.stderr.write(f"{line}\n")

    def rows(self) -> list[JsonObject]:
        """The lines of `metrics.jsonl`."""
        return [orjson.loads(line) for line in whole_lines(self.folder / METRICS)]

    def _sentence(self, step: int, figures: JsonObject) -> str:
        of = f" of {self.total_steps}" if self.total_steps else ""
        told = (f"{name} {value:.4g}" for name, value in figures.items() if isinstance(value, int | float))
        return f"step {step}{of}: {', '.join(told)}"

    def _due(self, step: int) -> bool:
        now = monotonic()
        if now - self._told < EVERY_S and step != self.total_steps:
            return False
        self._told = now
        return True

    def _cut(self) -> None:
        """Take off what an earlier training wrote, or what came after the checkpoint."""
        path, last = self.folder / METRICS, self._mark.step if self._mark is not None else 0
        kept = [line for line in whole_lines(path) if orjson.loads(line)["step"] <= last] if path.exists() else []
        write_whole(path, b"".join(line.rstrip(b"\n") + b"\n" for line in kept))
        if self._mark is not None and (self.folder / VALIDATION).exists():
            held = orjson.loads((self.folder / VALIDATION).read_bytes())["validations"]
            self._validations = [each for each in held if each["step"] <= last]

    def _listen(self, stack: ExitStack) -> None:
        """Have what is said go to `latest.log`, and warnings of all packages with it."""
        handler = logging.FileHandler(self.recipe.log_dir / LATEST, "w" if self._mark is None else "a", "utf-8")
        stack.callback(handler.close)
        handler.setFormatter(TextFormatter())
        handler.addFilter(SecretsFilter())
        propagated, level = _LOG.propagate, _LOG.level
        _LOG.propagate = False  # what it says is on standard error already
        _LOG.setLevel(logging.INFO)
        stack.callback(setattr, _LOG, "propagate", propagated)
        stack.callback(_LOG.setLevel, level)
        for logger in (logging.getLogger(), _LOG):
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)

    def _draw(self) -> None:
        try:
            content = draw(_with_validations(self.rows(), self._validations))
        except MissingExtraError as error:
            self.say(f"no {PICTURE}: {error}")
            return
        if content is not None:
            write_whole(self.folder / PICTURE, content)
            self._files.append(self.folder / PICTURE)


def versions() -> JsonObject:
    """Of what trains, as far as it is installed."""
    found: JsonObject = {"agentgym": __version__, "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _with_validations(rows: Iterable[JsonObject], validations: Iterable[JsonObject]) -> list[JsonObject]:
    return [*rows, *({"step": each["step"], "validation_loss": each.get("loss")} for each in validations)]
