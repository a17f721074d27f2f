"""`agentgym train slurm`: a batch script that launches through accelerate; played here with stand-ins for SLURM."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from agentgym.cli import main

BY_DEFAULT = """#SBATCH --job-name=agentgym-sft
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=1
#SBATCH --mem=256G
#SBATCH --time=12:00:00
"""
SRUN = """#!/bin/bash
shift
export SLURM_NODEID=0
exec "$@"
"""
ACCELERATE = """#!/bin/bash
printf '%s\\n' "$@" > launched
[ -z "${WAITS-}" ] && exit "${CODE-0}"
(trap 'mkdir -p outputs/checkpoint-5; exit 143' TERM; touch ready; while true; do sleep 0.05; done) &
trainer=$!
wait "$trainer" || exit 1
"""
SCONTROL = """#!/bin/bash
case "$1" in
    show) printf 'node7\\nnode8\\n';;
    requeue) echo "$2" > requeued;;
esac
"""


def script(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["train", "slurm", *words]) == 0
    return capsys.readouterr().out


def played(folder: Path, text: str, **variables: str) -> subprocess.Popen[bytes]:
    """The script, where SLURM's programs are stand-ins."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, source in (("srun", SRUN), ("accelerate", ACCELERATE), ("scontrol", SCONTROL)):
        (programs / name).write_text(source)
        (programs / name).chmod(0o755)
    (folder / "job.sh").write_text(text)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[7-8]", "SLURM_JOB_ID": "123"}
    own["SLURM_SUBMIT_DIR"] = str(folder)
    return subprocess.Popen(["bash", "job.sh"], cwd=folder, env={**os.environ, **own, **variables})


def launched(folder: Path) -> list[str]:
    return (folder / "launched").read_text().splitlines()


def test_the_defaults_are_one_node_16_cpus_one_gpu_256_gb_and_12_hours(capsys: pytest.CaptureFixture[str]) -> None:
    text = script(capsys, "--config", "retail_sft")
    assert text.startswith(f"#!/bin/bash\n{BY_DEFAULT}")
    assert "{{" not in text


@pytest.mark.parametrize(
    "words",
    [
        ("retail_sft",),
        ("retail_grpo", "--profile", "multi_node", "--partition", "gpu", "--account", "us", "--gpus", "8"),
        ("code_debug_sft", "--gpus", "0", "--setup", "module load cuda", "--data", "a b", "it's $HOME; `x`"),
        ("retail_sft", "--set", 'live.settings={"a": "it\'s \\"$x\\""}', "--output-dir", "out puts/$(x)'"),
    ],
)
def test_bash_reads_every_script(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    (tmp_path / "job.sh").write_text(script(capsys, "--config", *words))
    assert subprocess.run(["bash", "-n", tmp_path / "job.sh"], check=False).returncode == 0


def test_one_gpu_is_launched_with_exactly_the_words_that_were_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config=retail_sft", "--data", "a b", "it's $HOME; `x`", "--outcome", "solved"]
    job = played(tmp_path, script(capsys, *words))
    assert job.wait(60) == 0
    told = launched(tmp_path)
    begin = told.index("-m")
    assert told[begin:] == ["-m", "agentgym", "train", "sft", *words]
    assert shlex.join(told[:begin]) == (
        "launch --machine_rank 0 --num_machines 1 --num_processes 1 --mixed_precision no --dynamo_backend no "
        "--main_process_ip node7 --main_process_port 20123"
    )


def test_several_nodes_are_told_of_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(capsys, "--config", "retail_grpo", "--profile", "multi_node")
    assert "#SBATCH --nodes=2\n" in text
    assert "#SBATCH --gpus-per-node=4\n" in text
    assert played(tmp_path, text).wait(60) == 0
    told = shlex.join(launched(tmp_path))
    assert "--num_machines 2 --num_processes 8" in told
    assert "--multi_gpu" in told
    assert "train grpo --config=retail_grpo --profile=multi_node" in told


def test_where_there_is_a_checkpoint_training_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(capsys, "--config", "retail_sft", "--output-dir", "out puts")
    (tmp_path / "out puts" / "checkpoint-40").mkdir(parents=True)
    assert played(tmp_path, text).wait(60) == 0
    assert launched(tmp_path)[-1] == "--resume"


def test_a_failed_training_fails_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert played(tmp_path, script(capsys, "--config", "retail_sft"), CODE="3").wait(60) == 3
    assert not (tmp_path / "requeued").exists()


def test_told_to_end_it_has_a_checkpoint_written_and_queues_itself_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(capsys, "--config", "retail_sft")
    job = played(tmp_path, text, WAITS="1")
    while not (tmp_path / "ready").exists():
        assert job.poll() is None
        os.sched_yield()
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 0
    assert (tmp_path / "requeued").read_text() == "123\n"
    assert played(tmp_path, text).wait(60) == 0
    assert launched(tmp_path)[-1] == "--resume"


def test_it_is_written_to_a_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "jobs" / "train.sbatch"
    words = ("--config", "retail_sft", "--out", str(out))
    assert script(capsys, *words) == f"{out}\n"
    assert out.read_text() == script(capsys, "--config", "retail_sft")
    assert main(["train", "slurm", *words]) == 2
    assert "there is one already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give one with --config"),
        (("--config", "retail_sft", "--time", "soon"), "'soon' is not a time"),
        (("--config", "retail_sft", "--memory", "lots"), "is not an amount of memory"),
        (("--config", "retail_sft", "--partition", "a\n#SBATCH --x"), "no name that SLURM takes"),
        (("--config", "retail_sft", "--nodes", "0"), "whole number"),
        (("--config", "retail_sft", "--resume"), "adds it itself"),
        (("--config", "retail_sft", "--plan"), "is not for a batch script"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert main(["train", "slurm", *words]) == 2
    assert told in capsys.readouterr().err
