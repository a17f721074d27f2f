"""special-tokens: which token is the right one, in requests put in phrases that were never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import JsonValue

from agentgym.jsontext import dump_json
from benchmarks.learning.figures import Bar, Figures, held_by
from benchmarks.learning.stages import TOGETHER, Stages, summary_of

_MODES: list[JsonValue] = [
    {
        "name": "AGENT",
        "token": "<|AGENT|>",
        "tool": "python",
        "arguments": ["code"],
        "about": "no concrete error is given",
        "does": "call",
    },
    {
        "name": "EDIT",
        "token": "<|EDIT|>",
        "tool": "editor",
        "arguments": ["original_code", "modified_code"],
        "about": "a concrete error is given",
        "does": "call",
    },
]
"""As the environment has them, but any complete call is enough: a tiny model chooses, and writes no programs."""
_JSON_MODES = dump_json(_MODES).decode()
NOISE = 0.3
"""The share of wrong answers that the half-trained model learns from: it samples about as many."""
SFT_STEPS, HALF_STEPS, GRPO_STEPS = 300, 240, 64
LONGEST = 200
BARS = (
    Bar("SFT: held-out accuracy, greedy", least=0.95),
    Bar("SFT: CPU seconds", most=180),
    Bar("GRPO: sampled held-out accuracy, gain", least=0.2),
    Bar("GRPO: CPU seconds", most=120),
)


def learn(seed: int, out: Path, *, say: Callable[[str], None]) -> Figures:
    """By the commands, in a folder of its own; the figures, shares from 0 to 1."""
    stages = Stages(out, say)
    prepare(stages, seed)
    sft(stages, seed, data="clean", steps=SFT_STEPS, output="sft")
    sft(stages, seed, data="noisy", steps=HALF_STEPS, output="half")
    grpo(stages, seed, start="half/final_model", output="grpo")
    figures: Figures = {}
    for name, model in (("SFT", "sft"), ("half-trained", "half"), ("GRPO", "grpo")):
        spec = f"local:{model}/final_model"
        figures[f"{name}: held-out accuracy, greedy"] = accuracy(stages, spec, f"test-{model}-greedy", greedy=True)
        figures[f"{name}: sampled held-out accuracy"] = accuracy(stages, spec, f"test-{model}-sampled", seed=seed)
    before, after = (figures[f"{name}: sampled held-out accuracy"] for name in ("half-trained", "GRPO"))
    figures["GRPO: sampled held-out accuracy, gain"] = after - before
    figures["SFT: CPU seconds"] = stages.cpu_s["sft"]
    figures["half-trained: CPU seconds"] = stages.cpu_s["half"]
    figures["GRPO: CPU seconds"] = stages.cpu_s["grpo"]
    figures["recording: CPU seconds"] = stages.cpu_s["record"]
    figures["new model: CPU seconds"] = stages.cpu_s["new"]
    figures["benchmarks: CPU seconds"] = stages.cpu_s["bench"]
    return figures


def held(found: Sequence[Figures]) -> dict[str, bool]:
    """By bar, whether the means of the seeds hold it."""
    return held_by(BARS, found)


def prepare(stages: Stages, seed: int) -> None:
    """What the teacher says, right and not always right, and a model that knows nothing."""
    for name, noise in (("clean", 0.0), ("noisy", NOISE)):
        for split in ("train", "dev"):
            stages.python(
                *("record", "-m", "benchmarks.learning.record", "special-tokens", "--split", split, "--noise", noise),
                *("--trials", 3 if noise and split == "train" else 1, "--seed", seed),
                *("--set", f"modes={_JSON_MODES}", "--out", f"runs/{name}-{split}"),
            )
    stages.agentgym(
        *("new", "model", "new", "--data", "runs/clean-train", "--token", "<|AGENT|>", "--token", "<|EDIT|>"),
        *("--shows", "paragraph", "--seed", seed, "--out", "base"),
    )


def sft(stages: Stages, seed: int, *, data: str, steps: int, output: str) -> None:
    """Imitation; of all steps that are looked at, the best by the dev phrases."""
    stages.agentgym(
        *(output, "train", "sft", "--backend", "torch", "--model", "base"),
        *("--data", f"runs/{data}-train", "--validation", f"runs/{data}-dev"),
        *("--max-steps", steps, "--batch-size", 32, "--learning-rate", 3e-3),
        *("--set", "optimizer.schedule=linear", "--set", "optimizer.warmup_steps=20"),
        *("--set", "validate_steps=20", "--set", f"data.max_length={LONGEST}"),
        *("--seed", seed, "--output-dir", output, "--log-dir", "logs", "--run-name", output),
    )


def grpo(stages: Stages, seed: int, *, start: str, output: str, steps: int = GRPO_STEPS) -> None:
    """Live rollouts of the training phrases, with the rewards of the environment."""
    stages.agentgym(
        *(output, "train", "grpo", "--backend", "torch", "--model", start),
        *("--set", "live.environment=special-tokens", "--set", "live.split=train"),
        *(
            "--set",
            f'live.settings={{"modes": {_JSON_MODES}}}',
            "--set",
            "live.group_size=8",
            "--set",
            "live.max_tokens=70",
        ),
        *("--set", "grpo.groups_per_step=8", "--max-steps", steps, "--batch-size", 64),
        *("--learning-rate", 5e-4, "--set", "optimizer.schedule=linear", "--set", "optimizer.warmup_steps=4"),
        *("--set", f"data.max_length={LONGEST + 100}"),
        *("--seed", seed, "--output-dir", output, "--log-dir", "logs", "--run-name", output),
    )


def accuracy(stages: Stages, policy: str, run: str, *words: object, greedy: bool = False, seed: int = 0) -> float:
    """The share of the suite's requests that a policy answers with the right token."""
    sampling = ("--temperature", 0) if greedy else ("--temperature", 1, "--trials", 2, "--seed", seed)
    asked = ("bench", "special-tokens", "--policy", policy, "--set", f"modes={_JSON_MODES}", "--max-tokens", 80)
    stages.agentgym("bench", *asked, *sampling, *TOGETHER, *words, "--out", f"runs/{run}")
    right: float = summary_of(stages.folder / "runs" / run)["special_tokens"]["mode_accuracy"]
    return right
