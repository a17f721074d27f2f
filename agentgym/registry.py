"""Environments by id or by file, and the check that a package of ours is not somebody else's."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import agentgym
from agentgym.entrypoints import entry_points
from agentgym.env import Env
from agentgym.errors import MissingExtraError, ShadowedPackageError, UnknownNameError, UsageError, describe
from agentgym.extras import EXTRA_OF, missing_extra
from agentgym.jsontext import dump_json, parse_json

GROUP = "agentgym.environments"
SCHEMES = {"gymnasium": "agentgym.bridges.gymnasium:wrap"}
"""Bridges by name: `gymnasium:FrozenLake-v1` is wrapped by what stands behind `gymnasium`."""
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
    env.config = parse_json(dump_json({name: _recordable(value) for name, value in config.items()}).decode())  # type: ignore[assignment]  # a dict was dumped
    return env


def load_env(spec: str) -> type[Env[Any, Any, Any]]:
    """The environment class an id or `path/to/file.py:Class` stands for."""
    path, colon, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    if path.endswith(".py"):
        return _class_in(load_file(Path(path)), name if colon else None, spec)
    target = entry_points(GROUP).get(spec)
    if target is None:
        raise UnknownNameError(f"no environment {spec!r}; {_guess(spec)} (a file works too: path/to/file.py:Class)")
    cls = load_target(target, spec)
    if not (isinstance(cls, type) and issubclass(cls, Env)):
        raise UsageError(f"{spec} ({target}) is not an environment class")
    return cls


def load_target(target: str, name: str) -> Any:
    """Import what an entry point names, making sure that it is ours where it should be."""
    module_name, _, attribute = target.partition(":")
    check_not_shadowed(module_name.partition(".")[0])
    try:
        return getattr(import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in EXTRA_OF:
            raise missing_extra(error) from None
        raise UsageError(f"{name} ({target}) cannot be imported: {error}") from error
    except AttributeError as error:
        raise UsageError(f"{name} ({target}) cannot be found: {error}") from error


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
    if not path.is_file():
        raise UnknownNameError(f"no file {str(path)!r}; give path/to/file.py:Class")
    name = f"agentgym_file_{path.stem}_{abs(hash(path.resolve()))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (MissingExtraError, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        del sys.modules[name]
        raise UsageError(f"{path} cannot be imported: {describe(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
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


def _guess(spec: str) -> str:
    close = get_close_matches(spec, env_ids(), n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(env_ids()) or 'none installed'}"


def _settings(cls: type) -> str:
    return ", ".join(inspect.signature(cls).parameters) or "none"


def _recordable(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else str(value)
