"""Environments by id or by file, and the check that a package of ours is not somebody else's."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import agentgym
from agentgym.entrypoints import entry_points
from agentgym.env import Env
from agentgym.errors import ShadowedPackageError, UnknownNameError, UsageError, boundary, did_you_mean
from agentgym.extras import EXTRA_OF, missing_extra
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import JsonObject

GROUP = "agentgym.environments"
SCHEMES = {"gymnasium": "agentgym.bridges.gymnasium:wrap"}
"""Bridges by name: `gymnasium:FrozenLake-v1` is wrapped by what stands behind `gymnasium`."""
_SECRET = re.compile("key|token|secret|password", re.IGNORECASE)
_OURS = ("environments", "trainers", "benchmarks")


def env_ids() -> list[str]:
    """The ids of all installed environments."""
    return list(entry_points(GROUP))


def make(spec: str, /, **config: Any) -> Env[Any, Any, Any]:
    """Build an environment from its id, or from `path/to/file.py:Class`; `gymnasium:ID` wraps one of Gymnasium's."""
    scheme, _, rest = spec.partition(":")
    if scheme in SCHEMES:
        wrapped: Env[Any, Any, Any] = load_target(SCHEMES[scheme], spec)(rest, **config)
        return wrapped
    cls = load_env(spec)
    try:
        inspect.signature(cls).bind(**config)
    except TypeError as error:
        raise UsageError(f"{spec}: {error}; its settings are: {_settings(cls)}") from None
    env = cls(**config)
    env.config = _recordable(config)
    return env


def load_env(spec: str) -> type[Env[Any, Any, Any]]:
    """The environment class an id or `path/to/file.py:Class` stands for."""
    path, colon, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    if path.endswith(".py"):
        if not Path(path).is_file():
            raise UnknownNameError(f"no file {path!r}; give path/to/file.py:Class")
        return _class_in(load_file(Path(path).resolve()), name if colon else None, spec)
    target = entry_points(GROUP).get(spec)
    if target is None:
        told = did_you_mean(spec, env_ids())
        raise UnknownNameError(f"no environment {spec!r}; {told} (a file works too: path/to/file.py:Class)")
    cls = load_target(target, spec)
    if not (isinstance(cls, type) and issubclass(cls, Env)):
        raise UsageError(f"{spec} ({target}) is not an environment class")
    return cls


def load_target(target: str, name: str) -> Any:
    """Import what an entry point names, making sure that it is ours where it should be."""
    module_name, _, attribute = target.partition(":")
    check_not_shadowed(module_name.partition(".")[0])
    with boundary(UsageError, f"{name} ({target}) cannot be imported"), _named_extras():
        return getattr(import_module(module_name), attribute)


@contextmanager
def _named_extras() -> Iterator[None]:
    """Where an optional package is missing, say how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in EXTRA_OF:
            raise missing_extra(error) from None
        raise


def check_not_shadowed(package: str) -> None:
    """Raise ShadowedPackageError where Python would import somebody else's package of our name."""
    if package not in _OURS:
        return
    ours = Path(agentgym.__file__).resolve().parent.parent / package
    spec = importlib.util.find_spec(package)
    places = [Path(place).resolve() for place in (spec.submodule_search_locations or ())] if spec else []
    if spec is not None and ours not in places[:1]:
        found = places[0] if places else spec.origin
        raise ShadowedPackageError(
            f"the package {package!r} that Python finds is {found}, not agentgym's {ours}; "
            "run from another folder, or take the other one off PYTHONPATH"
        )


@cache
def load_file(path: Path) -> ModuleType:
    """Import a Python file by its path, once."""
    name = f"agentgym_file_{path.stem}_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent)
    sys.modules[name] = module
    sys.path.insert(0, folder)
    try:
        with boundary(UsageError, f"{path} cannot be imported"), _named_extras():
            spec.loader.exec_module(module)
    except UsageError:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(folder)
    return module


def _class_in(module: ModuleType, name: str | None, spec: str) -> type[Env[Any, Any, Any]]:
    classes = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Env) and value.__module__ == module.__name__
    }
    if name is None and len(classes) == 1:
        return next(iter(classes.values()))
    if name in classes:
        return classes[name]
    raise UnknownNameError(f"no environment class in {spec!r}; it holds: {', '.join(classes) or 'none'}")


def _settings(cls: type) -> str:
    return ", ".join(inspect.signature(cls).parameters) or "none"


def _recordable(config: dict[str, Any]) -> JsonObject:
    """The settings as JSON, for records; what looks like a secret stays out of them."""
    kept = {name: "[hidden]" if _SECRET.search(name) else value for name, value in config.items()}
    return cast(JsonObject, parse_json(dump_json(kept).decode()))
