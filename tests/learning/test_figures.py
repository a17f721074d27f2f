"""Figures of several seeds, and the bars they are held against."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentgym.jsontext import parse_json
from benchmarks.learning import __main__ as learning
from benchmarks.learning.figures import Bar, flat, held_by
from benchmarks.learning.stages import StageFailed, Stages


def test_a_bar_is_about_the_mean_of_all_seeds() -> None:
    found = [{"right": 0.9}, {"right": 1.0}, {"right": 0.96}]
    assert held_by([Bar("right", least=0.95)], found) == {"right >= 0.95": True}
    assert held_by([Bar("right", least=0.96)], found) == {"right >= 0.96": False}
    assert held_by([Bar("right", most=0.95)], found) == {"right <= 0.95": False}


def test_figures_within_figures_keep_where_they_stood() -> None:
    assert flat({"a": 1, "b": {"c": 0.5, "d": {"e": True}}, "f": "no figure"}) == {"a": 1.0, "b.c": 0.5, "b.d.e": 1.0}


@pytest.mark.parametrize(
    ("least", "code", "told"), [(0.5, 0, "held    right >= 0.5"), (0.9, 1, "MISSED  right >= 0.9")]
)
def test_every_seed_and_what_is_missed_is_told(
    least: float,
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def learn(seed: int, folder: Path, *, say: Any) -> dict[str, float]:
        return {"right": 0.5 + seed / 10}

    module: Any = ModuleType("benchmarks.learning.special_tokens")
    module.learn, module.held = learn, lambda found: held_by([Bar("right", least=least)], found)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    out = tmp_path / "figures.json"
    assert learning.main(["--only", "special-tokens", "--seeds", "0,1,2", "--out", str(out)]) == code
    printed = capsys.readouterr().out
    assert told in printed
    assert all(figure in printed for figure in ("0.5", "0.6", "0.7", "seed 2"))
    read: Any = parse_json(out.read_text())
    (written,) = read
    assert written["held"] == {f"right >= {least:g}": not code}
    assert list(written["seeds"]) == ["0", "1", "2"]


def test_a_stage_is_told_counted_and_names_its_failure(tmp_path: Path) -> None:
    told: list[str] = []
    stages = Stages(tmp_path / "new", told.append)
    assert stages.python("look", "-c", "import os; print(os.environ['OMP_NUM_THREADS'], os.getcwd())") == (
        f"1 {tmp_path / 'new'}\n"
    )
    assert told[0].startswith("$ python -c ")
    assert stages.cpu_s["look"] > 0
    with pytest.raises(StageFailed, match=r"break: exit code 3(?s:.*)what is amiss"):
        stages.python("break", "-c", "import sys; sys.stderr.write('what is amiss'); sys.exit(3)")
