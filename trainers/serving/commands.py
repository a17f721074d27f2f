"""How others serve a checkpoint: the commands of vLLM and of Ollama, with all that goes into them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

VLLM_NOTE = (
    "for rollouts to train on, ask vLLM for log-probabilities at the temperature of sampling: "
    "add --logprobs-mode processed_logprobs"
)

PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What is to be served, and where."""

    folder: str
    name: str | None = None
    host: str | None = None
    port: int = PORT
    api_key: str | None = None
    """In no command that is printed: a key belongs in the environment."""
    dtype: str | None = None
    max_length: int | None = None


def vllm_command(served: Served) -> str:
    """One line for a shell, on a machine that has vLLM; it listens to all unless told otherwise."""
    words = ["python", "-m", "vllm.entrypoints.openai.api_server", "--model", served.folder]
    words += ["--host", served.host or "0.0.0.0", "--port", str(served.port), "--dtype", served.dtype or "bfloat16"]
    if served.name is not None:
        words += ["--served-model-name", served.name]
    if served.max_length is not None:
        words += ["--max-model-len", str(served.max_length)]
    return shlex.join(words)


def modelfile(served: Served) -> str:
    """What Ollama makes a model of."""
    lines = [f"FROM {served.folder}"]
    if served.max_length is not None:
        lines.append(f"PARAMETER num_ctx {served.max_length}")
    return "\n".join(lines)


def ollama_commands(served: Served) -> tuple[str, ...]:
    """To be run where the Modelfile lies."""
    name = served.name or default_name(served.folder)
    start = ["ollama", "serve"]
    if served.host is not None or served.port != PORT:
        start = ["env", f"OLLAMA_HOST={served.host or '127.0.0.1'}:{served.port}", *start]
    return shlex.join(["ollama", "create", name, "-f", "Modelfile"]), shlex.join(start)


def default_name(folder: str) -> str:
    """A checkpoint is called by its folder."""
    return folder.rstrip("/").rpartition("/")[2] or "model"
