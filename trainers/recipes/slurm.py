"""A batch script for SLURM that launches a training through accelerate, and goes on with it when it is queued again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from trainers.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked of the cluster."""

    nodes: int = 1
    cpus: int = 16
    """Of a node."""
    gpus: int = 1
    """Of a node; 0: the CPUs train."""
    memory: str = "256G"
    """Of a node."""
    time: str = "12:00:00"
    name: str = "agentgym"
    partition: str | None = None
    account: str | None = None
    setup: tuple[str, ...] = ()
    """Lines for the shell before anything else, such as `source .venv/bin/activate`."""


def batch_script(job: Job, recipe: Recipe, words: Sequence[str]) -> str:
    """The script that trains with this command line: what stands behind `agentgym train sft` or `grpo`."""
    text = files("trainers").joinpath("recipes", "slurm.template").read_text(encoding="utf-8")
    asked = {"partition": job.partition, "account": job.account}
    filled = {
        "name": job.name,
        "nodes": str(job.nodes),
        "cpus": str(job.cpus),
        "gpu_lines": f"#SBATCH --gpus-per-node={job.gpus}" if job.gpus else "",
        "memory": job.memory,
        "time": job.time,
        "more_lines": "\n".join(f"#SBATCH --{key}={value}" for key, value in asked.items() if value is not None),
        "setup": "\n".join(job.setup),
        "threads": str(max(1, job.cpus // max(1, job.gpus))),
        "launch": shlex.join(launch_words(job)),
        "train": shlex.join(["-m", "agentgym", "train", recipe.stage, *words]),
        "checkpoints": shlex.quote(f"{recipe.output_dir}/checkpoint-"),
    }
    lines = []
    for line in text.splitlines():
        whole = line.startswith("{{") and line.endswith("}}")
        for key, value in filled.items():
            marked = f"{{{{{key}}}}}"
            if marked in line:
                line = line.replace(marked, value)
                break
        if line or not whole:
            lines.append(line)
    return "\n".join(lines) + "\n"


def launch_words(job: Job) -> list[str]:
    """The options of `accelerate launch`; in which numbers to compute is the recipe's to say."""
    processes = job.nodes * max(1, job.gpus)
    words = ["--num_machines", str(job.nodes), "--num_processes", str(processes)]
    words += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    if not job.gpus:
        words.append("--cpu")
    elif processes > 1:
        words.append("--multi_gpu")
    if job.nodes > 1:
        words += ["--rdzv_backend", "static", "--same_network"]
    return words
