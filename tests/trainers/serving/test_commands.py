"""How others serve a checkpoint, as `agentgym model serve --print` tells it."""

from __future__ import annotations

import shlex

import pytest

from agentgym.cli import Parser
from agentgym.errors import UsageError
from trainers.serving import cli
from trainers.serving.commands import Served, modelfile, ollama_commands, vllm_command

FOLDER = "outputs/merged_model"


def model(*words: str) -> int:
    """`agentgym model ...`."""
    parser = Parser()
    cli.configure(parser)
    return cli.run(parser.parse_args(words))


def test_vllm_is_started_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert model("serve", FOLDER, "--backend", "vllm", "--print") == 0
    told = capsys.readouterr()
    assert told.out == (
        "python -m vllm.entrypoints.openai.api_server --model outputs/merged_model --host 0.0.0.0 --port 8000 "
        "--dtype bfloat16\n"
    )
    assert "--logprobs-mode processed_logprobs" in told.err


def test_ollama_takes_a_modelfile_and_two_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert model("serve", FOLDER, "--backend", "ollama", "--print", "--name", "gpt-oss-20b-tau") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "FROM outputs/merged_model" in lines
    assert lines[-2:] == ["ollama create gpt-oss-20b-tau -f Modelfile", "ollama serve"]


def test_what_was_asked_for_is_in_the_commands() -> None:
    served = Served(folder="a b", name="mine", host="127.0.0.1", port=9, dtype="float16", max_length=512)
    words = shlex.split(vllm_command(served))
    told = dict(zip(words[3::2], words[4::2], strict=True))
    assert told["--model"] == "a b"
    assert told["--served-model-name"] == "mine"
    assert (told["--host"], told["--port"]) == ("127.0.0.1", "9")
    assert (told["--dtype"], told["--max-model-len"]) == ("float16", "512")
    assert modelfile(served) == "FROM a b\nPARAMETER num_ctx 512"
    assert ollama_commands(served) == ("ollama create mine -f Modelfile", "env OLLAMA_HOST=127.0.0.1:9 ollama serve")
    assert ollama_commands(Served(folder=f"{FOLDER}/"))[0] == "ollama create merged_model -f Modelfile"


def test_a_key_is_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    model("serve", FOLDER, "--backend", "vllm", "--print", "--api-key", "sk-very-secret")
    told = capsys.readouterr()
    assert "sk-very-secret" not in told.out + told.err
    assert "VLLM_API_KEY" in told.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--backend", "vllm"), "add --print"),
        (("--print",), "--backend vllm"),
        (("--port", "70000"), "no port"),
        (("--threads", "0"), "at least 1"),
        (("--backend", "tgi"), "invalid choice"),
        ((), "no such folder"),
    ],
)
def test_wrong_use_is_told_in_one_line(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        model("serve", "nowhere/at-all", *words)
    assert "\n" not in str(raised.value)
