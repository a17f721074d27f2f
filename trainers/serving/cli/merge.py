"""`agentgym model merge`: an adapter put into its base, as one model to serve."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agentgym.cli.output import write, write_json
from agentgym.errors import UsageError
from agentgym.extras import require

OUT = Path("outputs/merged_model")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which adapter, into what, and where the whole goes."""
    add = parser.add_argument
    add("adapter", metavar="ADAPTER", help="the folder of an adapter with its tokenizer, such as outputs/final_model")
    add("--out", metavar="DIR", type=Path, default=OUT, help=f"what to write (default: {OUT})")
    add("--force", action="store_true", help="replace a model that lies there already")
    add("--base", metavar="DIR|ID", help="what the adapter was trained on, where that has moved")
    add(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="of the weights that are written (auto: as the base has them)",
    )
    add("--json", action="store_true", help="print the folder, its base and how far they are apart as JSON")


def run(args: argparse.Namespace) -> int:
    """Merge, read what was written, and say how near it is to the adapter."""
    from trainers.models.saving import merge

    for package in ("torch", "transformers", "peft"):
        require(package)  # told before anything slow is done
    if not args.force and args.out.is_dir() and any(args.out.iterdir()):
        raise UsageError(f"{args.out} is there already; name another folder with --out DIR, or replace it by --force")
    done = merge(args.adapter, args.out, base=args.base, numbers=args.dtype)
    sys.stderr.write(f"merged into {done.base}; read again, its figures are {done.apart:.1e} from the adapter's\n")
    if args.json:
        write_json({"folder": str(done.folder), "base": str(done.base), "apart": done.apart})
    else:
        write(str(done.folder))
    return 0
