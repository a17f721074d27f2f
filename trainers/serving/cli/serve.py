"""`agentgym model serve`: a checkpoint as an endpoint."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from agentgym.cli.output import write
from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.serving.commands import PORT, VLLM_NOTE, Served, default_name, modelfile, ollama_commands, vllm_command

HOST = "127.0.0.1"
_OWN = (HOST, "localhost", "::1")
KEY_VARIABLE = "AGENTGYM_SERVE_API_KEY"


def configure(parser: argparse.ArgumentParser) -> None:
    """Which checkpoint, by which name, and where."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="a checkpoint with its tokenizer, such as outputs/merged_model")
    add("--host", metavar="HOST", help=f"who may ask: {HOST} this machine only, 0.0.0.0 all (default: {HOST})")
    add("--port", metavar="N", type=_port, default=PORT, help=f"0: any free one (default: {PORT})")
    add("--name", metavar="NAME", help="what clients call the model (default: the folder's name)")
    add("--api-key", metavar="KEY", help=f"what clients must send (default: {KEY_VARIABLE}, or anything will do)")
    add("--backend", choices=("own", "vllm", "ollama"), default="own", help="who serves (default: own)")
    add("--print", action="store_true", dest="prints", help="with vllm or ollama: print the commands, and run nothing")
    add("--device", metavar="NAME", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto", help="of the weights")
    add("--max-model-len", metavar="N", type=_count, help="the most tokens of prompt and answer (default: the model's)")
    add("--most-rows", metavar="N", type=_count, default=128, help="choices sampled at once (default: 128)")
    add("--threads", metavar="N", type=_count, help="of the CPU (default: as torch has it)")


def run(args: argparse.Namespace) -> int:
    """Serve until told to end, or print how others serve."""
    served = Served(
        folder=args.folder,
        name=args.name,
        host=args.host,
        port=args.port,
        api_key=args.api_key,
        dtype=None if args.dtype == "auto" else args.dtype,
        max_length=args.max_model_len,
    )
    if args.backend != "own":
        return _print(args.backend, served, prints=args.prints)
    if args.prints:
        raise UsageError("--print is for --backend vllm and --backend ollama; leave it out to serve")
    return _serve(args, served)


def _print(backend: str, served: Served, *, prints: bool) -> int:
    if not prints:
        raise UsageError(f"{backend} is a server of others; add --print to see how to start it")
    if backend == "vllm":
        write(vllm_command(served))
        key_note = "set VLLM_API_KEY to the key clients must send; " if served.api_key else ""
        sys.stderr.write(f"note: {key_note}{VLLM_NOTE}\n")
        return 0
    write("\n".join(("# Modelfile", modelfile(served), "", "# commands", *ollama_commands(served))))
    return 0


def _serve(args: argparse.Namespace, served: Served) -> int:
    from trainers.engine.checkpoint import check_folder
    from trainers.engine.device import Device
    from trainers.engine.engine import Engine
    from trainers.serving.app import App
    from trainers.serving.server import address_of, listen, serve
    from trainers.serving.service import Service

    check_folder(Path(served.folder))
    for package in ("uvicorn", "starlette", "torch", "transformers"):
        require(package)  # told before anything slow is done
    if args.threads is not None:
        require("torch").set_num_threads(args.threads)
    device = Device(name=args.device, dtype=args.dtype)
    with listen(served.host or HOST, served.port) as listening:
        engine = Engine.load(served.folder, device=device, max_length=served.max_length, most_rows=args.most_rows)
        name = served.name or default_name(served.folder)
        key = served.api_key or os.environ.get(KEY_VARIABLE)
        key = None if key in (None, "", "EMPTY") else key
        app = App(Service(engine, name), served.folder, api_key=key)
        if key is None and (served.host or HOST) not in _OWN:
            sys.stderr.write(f"note: whoever reaches {served.host} may ask, and reload; --api-key keeps others out\n")
        told = f"{name} (weights {engine.version}) is served at {address_of(listening)}/v1; Ctrl-C ends it\n"
        try:
            serve(app, listening, on_ready=lambda: sys.stderr.write(told))
        finally:
            engine.close()
    sys.stderr.write(f"{name} is no longer served\n")
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a whole number up to 65535")
    return int(text)
