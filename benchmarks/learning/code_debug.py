"""code-debug: one line of a small function has a bug; the model submits the function with the line as it has to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from agentgym.jsontext import dump_json, parse_json
from benchmarks.learning.figures import Bar, Figures, held_by
from benchmarks.learning.repairs import Part, with_bug, write_problems
from benchmarks.learning.stages import TOGETHER, Stages, summary_of

COUNTS: dict[Part, int] = {"train": 950, "dev": 95, "cases": 190, "phrasing": 190}
NOISE = 0.2
"""The share of recorded answers with a mistake: the likeliest answer stays right, a sampled one less often."""
SFT_STEPS, GRPO_STEPS = 320, 48
BARS = (
    Bar("SFT: held-out cases repaired, greedy", least=0.85),
    Bar("GRPO: sampled held-out cases, gain", least=0.08),
    Bar("GRPO: held-out phrasing greedy, change", least=-0.03),
)


def learn(seed: int, out: Path, *, say: Callable[[str], None]) -> Figures:
    """By the commands, in a folder of its own; the figures, shares from 0 to 1."""
    stages = Stages(out, say)
    prepare(stages, seed)
    sft(stages, seed)
    grpo(stages, seed)
    figures: Figures = {}
    for name, model in (("SFT", "sft"), ("GRPO", "grpo")):
        spec = f"local:{model}/final_model"
        for part, told in (("cases", "held-out cases"), ("phrasing", "held-out phrasing")):
            run = f"{part}-{model}"
            figures[f"{name}: {told} repaired, greedy"] = repaired(stages, spec, part, f"{run}-greedy", greedy=True)
            figures[f"{name}: {told} repaired, sampled"] = repaired(stages, spec, part, f"{run}-sampled", seed=seed)
    cases, phrasing = "held-out cases repaired, sampled", "held-out phrasing repaired, greedy"
    figures["GRPO: sampled held-out cases, gain"] = figures[f"GRPO: {cases}"] - figures[f"SFT: {cases}"]
    figures["GRPO: held-out phrasing greedy, change"] = figures[f"GRPO: {phrasing}"] - figures[f"SFT: {phrasing}"]
    return figures | {f"{stage}: CPU seconds": spent for stage, spent in stages.cpu_s.items()}


def held(found: Sequence[Figures]) -> dict[str, bool]:
    """By bar, whether the means of the seeds hold it."""
    return held_by(BARS, found)


def prepare(stages: Stages, seed: int) -> None:
    """Problems, bugs put into them, what the teacher hands in, and a model that knows nothing."""
    for part, count in COUNTS.items():
        problems = stages.folder / f"{part}.problems.jsonl"
        problems.write_bytes(write_problems(part, count, seed))
        stages.agentgym(
            *("inject", "code", "inject", "--input", problems.name, "--count", count, "--class", "wrong_answer"),
            *("--seed", seed, "--output", f"{part}.bugs.jsonl"),
        )
        asked = dict(_rows(problems, "query_id"))
        bugs = _rows(stages.folder / f"{part}.bugs.jsonl", "query_id")
        rows = [with_bug(asked[name], bug) for name, bug in bugs]
        (stages.folder / f"{part}.jsonl").write_bytes(b"".join(dump_json(row) + b"\n" for row in rows))
    for part, noise in (("train", NOISE), ("dev", 0.0)):
        stages.python(
            *("record", "-m", "benchmarks.learning.record", "code-debug", "--set", f"problems={part}.jsonl"),
            *("--noise", noise, "--seed", seed, "--out", f"runs/{part}"),
        )
    stages.agentgym(
        *("new", "model", "new", "--data", "runs/train", "--vocabulary", 512, "--seed", seed, "--out", "base")
    )


def sft(stages: Stages, seed: int, *, steps: int = SFT_STEPS, output: str = "sft") -> None:
    """Imitation; of all steps that are looked at, the best by other phrases."""
    stages.agentgym(
        *(output, "train", "sft", "--backend", "torch", "--model", "base"),
        *("--data", "runs/train", "--validation", "runs/dev"),
        *("--max-steps", steps, "--batch-size", 32, "--learning-rate", 3e-3),
        *("--set", "optimizer.schedule=linear", "--set", "optimizer.warmup_steps=20", "--set", "validate_steps=25"),
        *("--seed", seed, "--output-dir", output, "--log-dir", "logs", "--run-name", output),
    )


def grpo(
    stages: Stages, seed: int, *, start: str = "sft/final_model", output: str = "grpo", steps: int = GRPO_STEPS
) -> None:
    """Live submissions for the training cases; the hidden cases say what they are worth."""
    settings = dump_json({"problems": "train.jsonl"}).decode()
    stages.agentgym(
        *(output, "train", "grpo", "--backend", "torch", "--model", start),
        *("--set", "live.environment=code-debug", "--set", f"live.settings={settings}"),
        *("--set", "live.group_size=8", "--set", "live.max_tokens=80", "--set", "live.max_turns=1"),
        *("--set", "grpo.groups_per_step=8", "--max-steps", steps, "--batch-size", 64),
        *("--learning-rate", 2e-4, "--set", "optimizer.schedule=linear", "--set", "optimizer.warmup_steps=4"),
        *("--seed", seed, "--output-dir", output, "--log-dir", "logs", "--run-name", output),
    )


def repaired(
    stages: Stages, policy: str, part: str, run: str, *words: object, greedy: bool = False, seed: int = 0
) -> float:
    """The share of a part's functions that a policy mends so that all hidden cases pass."""
    sampling = ("--temperature", 0) if greedy else ("--temperature", 1, "--trials", 2, "--seed", seed)
    asked = ("bench", "code-debug", "--policy", policy, "--set", f"problems={part}.jsonl", "--max-tokens", 80)
    stages.agentgym("bench", *asked, *sampling, *TOGETHER, *words, "--out", f"runs/{run}")
    solved: float = summary_of(stages.folder / "runs" / run)["solved_rate"]
    return solved


def _rows(path: Path, key: str) -> Iterator[tuple[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row: Any = parse_json(line)
        yield str(row[key]), row
