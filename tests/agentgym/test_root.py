"""The root package: what it exports, and what it does not import."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import agentgym

HEAVY = [
    *("torch", "transformers", "trl", "peft", "datasets", "litellm"),
    *("openai", "gymnasium", "numpy", "matplotlib", "starlette"),
]
ROOT = Path(agentgym.__file__).parent


def loaded_after(code: str) -> set[str]:
    shown = f"{code}\nimport sys; print(*(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", shown], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_every_exported_name_can_be_had_and_equals_no_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(agentgym.__path__)}
    for name in agentgym.__all__:
        assert getattr(agentgym, name) is not None
        assert name not in modules, f"`from agentgym import {name}` must never give a module"
    assert set(dir(agentgym)) == {*agentgym.__all__} - {"__version__"}
    with pytest.raises(AttributeError, match="nothing_like_it"):
        agentgym.nothing_like_it  # noqa: B018


def test_type_checkers_see_the_exports_that_run_time_gives() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.asname: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == agentgym._HOME_OF


@pytest.mark.parametrize("code", ["import agentgym", "from agentgym import ToolEnv, tool, rollout"])
def test_starting_imports_nothing_heavy(code: str) -> None:
    assert loaded_after(code).isdisjoint([*HEAVY, "rich", "aiohttp", "httpx2", "trio"])


def test_the_bare_import_loads_only_itself() -> None:
    assert loaded_after("import agentgym") - loaded_after("pass") == {"agentgym"}


def test_the_command_line_starts_without_the_framework() -> None:
    code = "import agentgym.cli\ntry: agentgym.cli.main(['--help'])\nexcept SystemExit: pass"
    assert loaded_after(code).isdisjoint([*HEAVY, "rich", "pydantic", "anyio", "asyncio"])


@pytest.mark.parametrize("package", ["environments", "trainers", "benchmarks"])
def test_the_generic_packages_hold_a_docstring_and_nothing_else(package: str) -> None:
    tree = ast.parse((ROOT.parent / package / "__init__.py").read_text())
    assert len(tree.body) == 1
    assert ast.get_docstring(tree)
