"""The built wheel: what it holds, and that it works beside a package which took our top-level names."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"agentgym", "environments", "trainers", "benchmarks"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path, expect: int = 0) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == expect, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def build(source: Path, out: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, source, cwd=source)
    (wheel,) = out.glob("*.whl")
    return wheel


def installed(*archives: Path, place: Path) -> Path:
    """The programs of a new environment, with these in it one after the other; pip does it in the README's tests."""
    uv, bin_ = (sys.executable, "-m", "uv"), place / "venv" / "bin"
    run(*uv, "venv", "--quiet", "--python", sys.executable, place / "venv", cwd=place)
    for archive in archives:
        run(*uv, "pip", "install", "--quiet", "--python", bin_ / "python", "--compile-bytecode", archive, cwd=place)
    return bin_


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def decoy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another distribution that ships top-level `environments` and `benchmarks` of its own."""
    source = tmp_path_factory.mktemp("decoy")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "decoy-environments"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["environments", "benchmarks"]\n'
    )
    for package in ("environments", "benchmarks"):
        (source / package).mkdir()
        (source / package / "__init__.py").write_text(f'"""The decoy\'s {package}."""\n\nDECOY = True\n')
        (source / package / "maze.py").write_text("WALLS = 4\n")
    return build(source, tmp_path_factory.mktemp("theirs"))


def test_the_wheel_holds_exactly_the_four_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {name for name in names if name.endswith("py.typed")} == {f"{package}/py.typed" for package in PACKAGES}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "Name: agentgym-async\n" in metadata
    assert "guess = environments.guess:Guess" in entry_points


@pytest.mark.parametrize("order", ["decoy first", "decoy last"])
def test_the_command_line_works_beside_the_decoy(wheel: Path, decoy: Path, tmp_path: Path, order: str) -> None:
    bin_ = installed(*((decoy, wheel) if order == "decoy first" else (wheel, decoy)), place=tmp_path)
    assert "guess" in run(bin_ / "agentgym", "envs", cwd=tmp_path)
    assert "solved" in run(bin_ / "agentgym", "play", "guess", "--policy", "oracle", "--seed", "1", cwd=tmp_path)
    assert "guess" in run(bin_ / "agentgym", "bench", "guess", "--limit", "2", cwd=tmp_path)
    run(bin_ / "python", "-c", "import environments.maze, benchmarks.maze", cwd=tmp_path)
    missing = run(bin_ / "agentgym", "play", "gymnasium:FrozenLake-v1", "--policy", "idle", cwd=tmp_path, expect=2)
    assert missing.count("\n") == 1
    assert "pip install 'agentgym-async[gymnasium]'" in missing


def test_somebody_elses_package_on_the_path_is_named(wheel: Path, tmp_path: Path) -> None:
    bin_ = installed(wheel, place=tmp_path)
    other = tmp_path / "work" / "environments"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    told = run(bin_ / "python", "-m", "agentgym", "play", "guess", cwd=other.parent, expect=2)
    assert told.count("\n") == 1
    assert str(other) in told
