"""What the commands about tasks share: the shop they are about, models, and files to write."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentgym.cli.options import seconds, whole_number
from agentgym.cli.settings import number
from agentgym.entrypoints import entry_points
from agentgym.errors import UsageError
from agentgym.policies.specs import GROUP as POLICIES
from agentgym.policies.specs import POLICY_SPECS, asks_a_model, make_policy
from agentgym.policy import Policy

if TYPE_CHECKING:
    from environments.retail.database import RetailDB

DATA = "envs/retail"
"""Where the shop's data lie, unless another place is named."""
DATA_VARIABLE = "AGENTGYM_ENVS_PATH"
USER_URL, USER_KEY = "AGENTGYM_USER_BASE_URL", "AGENTGYM_USER_API_KEY"


def add_data(parser: argparse.ArgumentParser) -> None:
    """Let a command take the data of a shop."""
    told = f"the shop's data (default: {DATA}; where that does not exist, our own world)"
    parser.add_argument("--data", "--envs-path", metavar="DIR", help=told)


def chosen_data(args: argparse.Namespace) -> str | None:
    """The folder of the data, as `RetailEnv` takes it; None for our own world, which is said on standard error."""
    named = args.data or os.environ.get(DATA_VARIABLE)
    if named is None and not Path(DATA).exists():
        if not getattr(args, "data_told", False):
            sys.stderr.write(f"there is no {DATA} here: our own world is used; another one is named by --data\n")
        args.data_told = True  # a command that calls another says it once
        return None
    folder = Path(named or DATA).expanduser().absolute()
    if not folder.exists():
        where = "--data" if args.data else DATA_VARIABLE
        raise UsageError(f"{where}: there is no {folder}; name the folder with users, orders and products.json")
    return str(folder)


def check_data(args: argparse.Namespace) -> None:
    """Refuse a folder that was named and does not exist, also where the command can do without."""
    if args.data or os.environ.get(DATA_VARIABLE):
        chosen_data(args)


def world_of(data: str | None) -> RetailDB:
    """The shop itself."""
    from environments.retail.database import shared_db
    from environments.retail.world.own import own_world

    return own_world() if data is None else shared_db(data)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Let a command take a model."""
    add = parser.add_argument
    add("--model", metavar="SPEC", help="who does it: a model's name, or a policy such as scripted:FILE or oracle")
    add("--base-url", metavar="URL", help="where the model is served (default: OPENAI_BASE_URL)")
    add("--api-key", metavar="KEY", help="its key (default: OPENAI_API_KEY)")
    add("--temperature", metavar="T", type=number, help="of the model")
    add("--max-tokens", metavar="N", type=int, help="of one reply")
    add("--timeout", metavar="S", type=seconds, help="of one call, before it is made again (default: 180)")
    add("--no-preflight", action="store_true", help="do not ask the endpoint first whether it can answer at all")


def spec_of(name: str) -> str:
    """The policy's spec that a name stands for: what is no spec is a model behind an endpoint."""
    kind, colon, _ = name.partition(":")
    forms = (spec.partition(":") for spec in POLICY_SPECS)
    is_spec = any(kind == of and colon == parts for of, parts, _ in forms)
    return name if is_spec or name in entry_points(POLICIES) else f"openai:{name}"


def make_model(name: str, args: argparse.Namespace) -> Policy:
    """The policy that a name stands for, with the flags of `add_model`."""
    spec = spec_of(name)
    if not asks_a_model(spec):
        return make_policy(spec)
    names = ("base_url", "api_key", "temperature", "max_tokens")
    given: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
    return make_policy(spec, timeout_s=args.timeout or 180.0, **given)


def add_user_model(parser: argparse.ArgumentParser, *, without: str) -> None:
    """Let a command take a model that plays the customer; `without` says what happens where none is named."""
    add = parser.add_argument
    add("--user-model", metavar="SPEC", help=f"who plays the customer ({without})")
    add("--user-base-url", metavar="URL", help=f"where that model is served (default: {USER_URL}, or as --base-url)")
    add("--user-api-key", metavar="KEY", help=f"its key (default: {USER_KEY}, or --api-key where the URL is the same)")


def make_user_model(args: argparse.Namespace) -> Policy | None:
    """Who plays the customer; None where nobody was named."""
    if args.user_model is None:
        return None
    spec = spec_of(args.user_model)
    if not asks_a_model(spec):
        return make_policy(spec)
    url = args.user_base_url or os.environ.get(USER_URL) or args.base_url
    shared = args.api_key if url == args.base_url else None  # a key is for nobody but its own endpoint
    given: dict[str, Any] = {"base_url": url, "api_key": args.user_api_key or os.environ.get(USER_KEY) or shared}
    given = {name: value for name, value in given.items() if value is not None}
    return make_policy(spec, timeout_s=args.timeout or 180.0, **given)


def committee_size(text: str) -> int:
    """Read how many review; 0 is nobody."""
    return 0 if text == "0" else whole_number(text)


def names(text: str) -> tuple[str, ...]:
    """Read names that commas part; there must be one."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError("names nothing")
    return found


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Make the folder of a file; what keeps it from being written is told in one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; name another file") from None
