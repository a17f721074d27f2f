"""What training costs beside TRL used by hand, as ratios of CPU, and how long rollouts wait for a slow tool.

Run it with `python -m benchmarks.speed.training`, where the extra `train` is installed. Everything is a whole command
in a process of its own with one thread, imports and saving included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import anyio

from agentgym import Job, OraclePolicy, run
from benchmarks.speed.measure import interleaved, ratio
from benchmarks.speed.sleeper import Sleeper

AGENTGYM = ("-m", "agentgym")
PEER = "benchmarks.speed.trl_by_hand"
SLEEPER = f"{Path(__file__).with_name('sleeper.py')}:Sleeper"
BATCH = 16
MOST = {"trl": 1.2, "torch": 0.6}
MOST_TOOL_S = 1.5
ROLLOUTS = 64
_FEW, _MANY = 60, 300
"""Updates: what lies between is what an update costs, without what is paid once."""


class Subject:
    """A tiny model and rows to train it on, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model, self.rows = folder / "model", folder / "rows.jsonl"
        jobs = [
            Job(make=partial(Sleeper, seconds=0.0), task=task, seed=trial, trial=trial)
            for task in Sleeper().tasks()
            for trial in range(40)
        ]
        anyio.run(lambda: run(jobs, OraclePolicy(), folder / "run"))
        recorded = str(folder / "run")
        self.cpu(*AGENTGYM, "model", "new", "--out", str(self.model), "--data", recorded, "--vocabulary", "500")
        tokenizer = ("--tokenizer", str(self.model))
        self.cpu(*AGENTGYM, "train", "data", recorded, *tokenizer, "--out", str(self.rows))

    def cpu(self, *words: str) -> float:
        """The CPU seconds of a Python process and its children; it must succeed."""
        alone = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        before = _children_s()
        done = subprocess.run([sys.executable, *words], env=os.environ | alone, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return _children_s() - before

    def sft(self, backend: str, steps: int, *, rate: str = "1e-3") -> float:
        """Of `agentgym train sft`."""
        return self.cpu(
            *(*AGENTGYM, "train", "sft", "--model", str(self.model), "--data", str(self.rows)),
            *("--backend", backend, "--max-steps", str(steps), "--batch-size", str(BATCH), "--learning-rate", rate),
            *("--output-dir", str(self.folder / backend), "--log-dir", str(self.folder / "log"), "--force"),
        )

    def by_hand(self, how: str, steps: int) -> float:
        """Of the peer."""
        words = (self.model, self.rows, self.folder / "peer", steps, BATCH, how)
        return self.cpu("-m", PEER, *map(str, words))

    def tool_seconds(self) -> list[float]:
        """From the first call of a step's rollouts to the end of the last, for each step; and how many they were."""
        diary = self.folder / "diary.jsonl"
        self.sft("torch", 250, rate="5e-3")  # which is enough to call the tool
        live = {
            "live.environment": SLEEPER,
            "live.settings": json.dumps({"seconds": 1.0, "diary": str(diary)}),
            "live.group_size": "8",
            "live.max_tokens": "64",
            "grpo.groups_per_step": str(ROLLOUTS // 8),
        }
        self.cpu(
            *(*AGENTGYM, "train", "grpo", "--model", str(self.folder / "torch" / "final_model"), "--backend", "torch"),
            *("--max-steps", "3", "--output-dir", str(self.folder / "live"), "--log-dir", str(self.folder / "log")),
            *(word for key, value in live.items() for word in ("--set", f"{key}={value}")),
            "--force",
        )
        calls = [json.loads(line) for line in diary.read_text(encoding="utf-8").splitlines()]
        return [batch[-1][1] - batch[0][0] for batch in _batches(calls) if len(batch) >= ROLLOUTS // 2]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.speed.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("sft", "live"), help="one half of it (default: both)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder))
        if args.only != "live":
            _tell(_sft_costs(subject, args.rounds), _FEW, _MANY)
        tools = subject.tool_seconds() if args.only != "sft" else []
    if args.only != "sft":
        print(f"{ROLLOUTS} rollouts whose tool sleeps 1 s: {_spread(tools)} s of tools a step (at most {MOST_TOOL_S})")
        print(f"the same one after another: {ROLLOUTS} s")


def _sft_costs(subject: Subject, rounds: int) -> dict[str, list[float]]:
    ways: dict[str, Callable[[str, int], float]] = {
        "trl": subject.sft,
        "torch": subject.sft,
        "plain": subject.by_hand,
        "tuned": subject.by_hand,
    }
    measures = {
        f"{name} {steps}": partial(measure, name, steps) for steps in (_FEW, _MANY) for name, measure in ways.items()
    }
    return interleaved(measures, rounds=rounds)


def _tell(taken: dict[str, list[float]], few: int, many: int) -> None:
    print(f"SFT, batches of {BATCH} rows: CPU against TRL by hand (plain), and with its rows grouped by length (tuned)")
    an_update = {name: _between(taken, name, few, many) for name in ("trl", "torch", "plain", "tuned")}
    for name in ("trl", "torch"):
        for peer in ("plain", "tuned"):
            whole, each = ratio(taken, f"{name} {many}", f"{peer} {many}"), ratio(an_update, name, peer)
            told = f"{each:.2f} x an update, {whole:.2f} x a whole command of {many} updates (at most {MOST[name]})"
            print(f"  --backend {name} / {peer}: {told}")
    print(f"  --backend torch / --backend trl: {ratio(an_update, 'torch', 'trl'):.2f} x an update (at most 0.6)")
    print(f"  an update: {', '.join(f'{name} {1000 * median(each):.0f} ms CPU' for name, each in an_update.items())}")


def _between(taken: dict[str, list[float]], name: str, few: int, many: int) -> list[float]:
    pairs = zip(taken[f"{name} {many}"], taken[f"{name} {few}"], strict=True)
    return [(long - short) / (many - few) for long, short in pairs]


def _batches(calls: list[list[float]]) -> list[list[list[float]]]:
    """Calls that were under way together."""
    batches: list[list[list[float]]] = []
    for call in sorted(calls):
        if not batches or call[0] > max(other[1] for other in batches[-1]):
            batches.append([])
        batches[-1].append(call)
    return batches


def _spread(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values) or "no step with enough calls:"


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
