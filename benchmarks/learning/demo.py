"""`python -m benchmarks.learning.demo`: from nothing to a served model that has learnt, with a benchmark at each stage.

A tiny model and its tokenizer are made from scratch, learn from recorded episodes (SFT) and then from their own (live
GRPO), and are merged and served; each stage is benchmarked through the served endpoint. RETAIL=1 adds the shop.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from agentgym.cli.output import write, write_table
from agentgym.errors import AgentGymError
from agentgym.extras import require
from benchmarks.learning import code_debug, special_tokens
from benchmarks.learning.stages import StageFailed, Stages, environment, told_command

READY_S = 120.0
CORES = 2
Scores = dict[str, dict[str, float]]
"""By what is measured, by stage."""


def main(argv: Sequence[str] | None = None) -> int:
    """All stages, one table and one picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning.demo", description=__doc__)
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("outputs/train-demo"), help="where all is kept")
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    args = parser.parse_args(argv)
    began = monotonic()
    scores: Scores = {}
    out = args.out.absolute()
    shutil.rmtree(out, ignore_errors=True)
    tasks = [_special_tokens, _code_debug, *([_retail] if os.environ.get("RETAIL") == "1" else [])]
    try:
        with ThreadPoolExecutor(max_workers=CORES) as pool:  # each waits for its commands, which take one core
            for done in [pool.submit(task, out, args.seed) for task in tasks]:
                scores |= done.result()
    except AgentGymError as error:
        sys.stderr.write(f"train-demo: {error}\n")
        return 1
    _tell(scores)
    write(f"{_draw(scores, out / 'learning.png')}; all in {monotonic() - began:.0f} s")
    return 0


def _special_tokens(out: Path, seed: int) -> Scores:
    stages = Stages(out / "special-tokens", _say)
    special_tokens.prepare(stages, seed)
    special_tokens.sft(stages, seed, data="noisy", steps=special_tokens.HALF_STEPS, output="sft")
    special_tokens.grpo(stages, seed, start="sft/final_model", output="grpo")
    shares: dict[str, float] = {}
    for stage, model in _models(stages):
        with served(stages, model) as (policy, words):
            shares[stage] = special_tokens.accuracy(stages, policy, f"served-{stage}", *words, seed=seed)
    return {"special-tokens: right token": shares}


def _code_debug(out: Path, seed: int) -> Scores:
    stages = Stages(out / "code-debug", _say)
    code_debug.prepare(stages, seed)
    code_debug.sft(stages, seed)
    code_debug.grpo(stages, seed)
    shares: dict[str, float] = {}
    for stage, model in _models(stages):
        with served(stages, model) as (policy, words):
            shares[stage] = code_debug.repaired(stages, policy, "cases", f"served-{stage}", *words, seed=seed)
    return {"code-debug: mended": shares}


def _retail(out: Path, seed: int) -> Scores:
    from benchmarks.learning import retail

    found = retail.learn(seed, out / "retail", say=_say)
    decisions = found["decisions"]
    return {
        "retail: exact calls": {"SFT": found["held_out"]["exact_match"]},
        "retail: right decisions": {
            "SFT": decisions["before"]["sampled"]["decisions"],
            "GRPO": decisions["after"]["sampled"]["decisions"],
        },
    }


def _models(stages: Stages) -> Iterator[tuple[str, str]]:
    """Before and after each stage; the last one as it is given away."""
    yield "new", "base"
    yield "SFT", "sft/final_model"
    yield "GRPO", _merged(stages, "grpo")


def _merged(stages: Stages, output: str) -> str:
    """One model to serve: an adapter is put into its base, and whole weights are that model already."""
    trained = stages.folder / output / "final_model"
    merged = f"{output}/merged_model"
    if (trained / "adapter_config.json").exists() and not (stages.folder / merged).exists():
        stages.agentgym("merge", "model", "merge", f"{output}/final_model", "--out", merged)
    elif not (stages.folder / merged).exists():
        stages.say(f"$ cp -r {output}/final_model {merged}")
        shutil.copytree(trained, stages.folder / merged)
    return merged


@contextmanager
def served(stages: Stages, model: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The model behind an endpoint of this machine: the policy that asks it, and the flags that say where it is."""
    port = _free_port()
    argv = [sys.executable, "-m", "agentgym", "model", "serve", model, "--port", str(port), "--threads", "1"]
    stages.say(f"$ {told_command(argv)} &")
    with (stages.folder / "serve.log").open("ab") as log:
        server = subprocess.Popen(argv, cwd=stages.folder, env=environment(), stdout=log, stderr=log)
        try:
            _wait(server, f"http://127.0.0.1:{port}/health")
            name = Path(model).name
            yield f"openai:{name}", ("--base-url", f"http://127.0.0.1:{port}/v1", "--api-key", "EMPTY")
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    end = monotonic() + READY_S
    while monotonic() < end and server.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, OSError):
            sleep(0.2)
    raise StageFailed(f"agentgym model serve did not answer at {url}; see serve.log")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _tell(scores: Mapping[str, Mapping[str, float]]) -> None:
    stages = list(dict.fromkeys(stage for by_stage in scores.values() for stage in by_stage))
    rows = [
        (name, *(f"{by_stage[stage]:.1%}" if stage in by_stage else "" for stage in stages))
        for name, by_stage in scores.items()
    ]
    write_table(("held out, sampled", *stages), rows, right=stages)


def _draw(scores: Mapping[str, Mapping[str, float]], path: Path) -> Path:
    """A bar for each stage of each task."""
    require("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(1.8 + 2.2 * len(scores), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    stages = list(dict.fromkeys(stage for by_stage in scores.values() for stage in by_stage))
    for number, stage in enumerate(stages):
        places = [place + 0.27 * (number - 1) for place in range(len(scores))]
        bars = axes.bar(places, [100 * by_stage.get(stage, 0.0) for by_stage in scores.values()], 0.25, label=stage)
        axes.bar_label(bars, fmt="%.0f")
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set_ylabel("% of held-out tasks, sampled")
    axes.set_ylim(0, 112)
    axes.legend(ncols=len(stages), loc="upper center", frameon=False)
    figure.savefig(path, dpi=120)
    return path


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
