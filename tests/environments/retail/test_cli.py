"""`agentgym retail`: worlds and audits from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agentgym.cli import main
from environments.retail.env import RetailEnv

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process; gives its exit code, what it printed, and what it said beside that."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


SMALL = ("--users", "9", "--orders", "14", "--products", "4", "--test", "8", "--train", "16")


def test_a_world_is_made_and_is_sound(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("retail", "world", "--seed", "7", *SMALL, "-o", tmp_path / "w")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith("9 users, 14 orders, 4 products")
    assert out.splitlines()[1:] == ["test: 8 tasks", "train: 16 tasks"]
    assert len(RetailEnv(tmp_path / "w").tasks()) == 24
    code, out, _ = cli("retail", "audit", "--data", tmp_path / "w")
    assert code == 0
    assert [line.partition(": ")[2] for line in out.splitlines()] == [
        *("8 tasks, 0 flawed: nothing found", "16 tasks, 0 flawed: nothing found")
    ]


def test_equal_seeds_write_equal_files_and_others_others(cli: Cli, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("retail", "world", *SMALL, "--seed", seed, "-o", tmp_path / name)[0] == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    same = [(tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names]
    other = [(tmp_path / "a" / name).read_bytes() == (tmp_path / "c" / name).read_bytes() for name in names]
    assert (len(names), all(same), any(other)) == (5, True, False)


def test_a_world_is_told_of_as_json(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("retail", "world", *SMALL, "-o", tmp_path, "--json")
    told = json.loads(out)
    assert (code, told["users"], told["tasks"]) == (0, 9, {"test": 8, "train": 16})
    assert all(Path(path).is_file() for path in told["files"])


def test_a_world_without_customers_has_no_tasks(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("retail", "world", "--users", 0, "--orders", 0, "-o", tmp_path)
    assert code == 0
    assert "test: 0 tasks of 120: the world holds no more" in out
    assert cli("retail", "audit", "--data", tmp_path)[::2] == (
        2,
        f"agentgym retail: {tmp_path} holds no tasks_*.jsonl; name a file with --tasks\n",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "ACTION"),
        (("dance",), "dance"),
        (("world",), "-o"),
        (("world", "-o", "w", "--users", "-1"), "--users"),
        (("world", "-o", "w", "--users", "many"), "'many' is not a whole number"),
        (("world", "-o", "w", "--users", "0"), "1000 orders need at least one user"),
        (("world", "-o", "w", "--users", "9999999"), "users=9999999"),
        (("world", "-o", "w", "--seed", "x"), "'x' is not a whole number"),
        (("world", "-o", "file/w", *SMALL), "cannot write file/w"),
        (("audit", "--data", "nowhere"), "no users.json"),
        (("audit", "--tasks", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
        (("audit", "--profile", "lax"), "lax"),
    ],
)
def test_wrong_use_is_one_line(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    code, out, err = cli("retail", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_our_own_tasks_are_sound(cli: Cli) -> None:
    assert cli("retail", "audit") == (0, "our own world: 640 tasks, 0 flawed: nothing found\n", "")


def test_flaws_are_told_with_file_and_task_and_left_out_of_what_is_written(cli: Cli, tmp_path: Path) -> None:
    cli("retail", "world", *SMALL, "-o", tmp_path)
    path = tmp_path / "tasks_mine.jsonl"
    sound = (tmp_path / "tasks_test.jsonl").read_text().splitlines()[:2]
    row = json.loads(sound[0])
    lost = {**row, "actions": [{"name": "get_order_details", "kwargs": {"order_id": "#W0"}}], "outputs": ["\x1b[2J"]}
    nobody = {**row, "user_id": "nobody"}
    path.write_text("\n".join([*sound, json.dumps(lost), json.dumps(nobody)]))

    code, out, err = cli("retail", "audit", "--data", tmp_path, "--tasks", path, "-o", tmp_path / "sound.jsonl")
    assert (code, err) == (1, "")
    assert out.startswith(f"{path}: 3 tasks, 1 flawed: 1 x unreadable; 1 x failing action; 1 x dangling reference")
    assert "mine-2  dangling reference  actions.0.order_id: there is no order '#W0'" in out
    assert f"{path}:4: user_id: there is no user 'nobody'" in out
    assert "\x1b" not in out
    kept = [json.loads(line) for line in (tmp_path / "sound.jsonl").read_text().splitlines()]
    assert [task.pop("id") for task in kept] == ["mine-0", "mine-1"]
    assert kept == [json.loads(line) for line in sound]

    code, out, _ = cli("retail", "audit", "--data", tmp_path, "--tasks", path, "--json")
    told = json.loads(out)
    assert (code, told["tasks"], told["flawed"]) == (1, 3, 1)
    [audit] = told["files"]
    assert (audit["file"], audit["flawed"]) == (str(path), ["mine-2"])
    assert {finding["kind"] for finding in audit["findings"]} == {"unreadable", "failing action", "dangling reference"}


def test_a_file_without_tasks_is_told_of(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("")
    code, out, _ = cli("retail", "audit", "--tasks", tmp_path / "none.jsonl")
    assert code == 1
    assert "holds no task" in out
