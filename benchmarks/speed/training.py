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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median

from benchmarks.speed.measure import interleaved, ratio

AGENTGYM = ("-m", "agentgym")
PEER = "benchmarks.speed.trl_by_hand"
SLEEPER = f"{Path(__file__).with_name('sleeper.py')}:Sleeper"
MOST = {"trl": 1.2, "torch": 0.6}
MOST_TOOL_S = 1.5
ROLLOUTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Rows of one length, and how many there are of everything."""

    suite: str
    tasks: int
    trials: int
    batch: int
    few: int
    many: int
    """Updates: what lies between is what an update costs, without what is paid once."""


LENGTHS = {
    "short": Length(suite=SLEEPER, tasks=10, trials=40, batch=16, few=60, many=300),
    "long": Length(suite="special-tokens", tasks=100, trials=4, batch=8, few=5, many=25),
}
"""Some 40 tokens of which most train, where a tiny model's small operations are all there is to pay for; and some 800,
as the project's own environments record them."""


class Subject:
    """A tiny model and rows to train it on, in a folder of their own."""

    def __init__(self, folder: Path, length: Length) -> None:
        self.folder = folder
        self.length = length
        self.model, self.rows = folder / "model", folder / "rows.jsonl"
        recorded = str(folder / "run")
        still = ("--set", "seconds=0") if length.suite == SLEEPER else ()
        self.cpu(
            *(*AGENTGYM, "bench", length.suite, "--policy", "oracle", "--out", recorded, "--quiet", *still),
            *("--limit", str(length.tasks), "--trials", str(length.trials)),
        )
        self.cpu(*AGENTGYM, "model", "new", "--out", str(self.model), "--data", recorded)
        tokenizer = ("--tokenizer", str(self.model))
        self.cpu(*AGENTGYM, "train", "data", recorded, *tokenizer, "--out", str(self.rows))
        labels = [json.loads(line)["labels"] for line in self.rows.read_text(encoding="utf-8").splitlines()]
        self.tokens = fmean(map(len, labels))
        self.trained = sum(label != -100 for row in labels for label in row) / sum(map(len, labels))

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
            *("--backend", backend, "--max-steps", str(steps), "--learning-rate", rate),
            *("--batch-size", str(self.length.batch)),
            *("--output-dir", str(self.folder / backend), "--log-dir", str(self.folder / "log"), "--force"),
        )

    def by_hand(self, how: str, steps: int) -> float:
        """Of the peer."""
        words = (self.model, self.rows, self.folder / "peer", steps, self.length.batch, how)
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
        for name, length in LENGTHS.items() if args.only != "live" else ():
            _tell_costs(Subject(Path(folder) / name, length), args.rounds)
        if args.only != "sft":
            tools = Subject(Path(folder) / "live", LENGTHS["short"]).tool_seconds()
            told = f"{_spread(tools)} s of tools a step (at most {MOST_TOOL_S})"
            print(f"{ROLLOUTS} rollouts whose tool sleeps 1 s: {told}")
            print(f"the same one after another: {ROLLOUTS} s")


def _tell_costs(subject: Subject, rounds: int) -> None:
    length = subject.length
    print(f"SFT, batches of {length.batch} rows of {subject.tokens:.0f} tokens, of which {subject.trained:.0%} train:")
    _tell(_sft_costs(subject, rounds), length)


def _sft_costs(subject: Subject, rounds: int) -> dict[str, list[float]]:
    length = subject.length
    ways: dict[str, Callable[[str, int], float]] = {
        "trl": subject.sft,
        "torch": subject.sft,
        "plain": subject.by_hand,
        "tuned": subject.by_hand,
    }
    counts = (length.few, length.many)
    measures = {f"{name} {steps}": partial(way, name, steps) for steps in counts for name, way in ways.items()}
    return interleaved(measures, rounds=rounds)


def _tell(taken: dict[str, list[float]], length: Length) -> None:
    """CPU against TRL by hand (plain), and with its rows grouped by length and its optimizer fused (tuned)."""
    few, many = length.few, length.many
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
