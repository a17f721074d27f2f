"""The factory as a class: each operation awaited, and each waited for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentgym.errors import DataFileError, UsageError
from agentgym.policies.mock import MockPolicy
from environments.retail.factory.config import TauBenchConfig
from environments.retail.factory.envelope import Blueprint, TaskEnvelope
from environments.retail.factory.generator import TauBenchOpenAIGenerator

pytestmark = pytest.mark.anyio


async def test_tasks_are_generated_saved_and_tested(tmp_path: Path) -> None:
    generator = TauBenchOpenAIGenerator("envs/retail", generator="oracle")
    tasks = await generator.generate_diverse_tasks(num_tasks=8)
    assert [task.success for task in tasks] == [True] * 8
    assert {task.metadata.generation_method for task in tasks} == {"agentflow"}
    path = await generator.save_tasks_to_file(tasks, tmp_path / "deep" / "tasks.json")
    held = json.loads(path.read_text(encoding="utf-8"))
    assert [list(entry) for entry in held] == [["success", "task", "metadata", "validation_report"]] * 8
    report = await generator.test_tasks(tasks, "oracle")
    assert (report.summary["total_tasks"], report.summary["success_rate"]) == (8, 1.0)


async def test_one_by_one_scenarios_take_turns() -> None:
    generator = TauBenchOpenAIGenerator(
        config=TauBenchConfig(scenario_keys=["item_return", "order_inquiry"]), generator="oracle"
    )
    one = await generator.generate_task_with_agentflow(max_turns=5)
    other = await generator.generate_task_with_agentflow(include_metadata=False)
    assert isinstance(one, TaskEnvelope)
    assert isinstance(other, Blueprint)
    assert one.task.agt[-1].name == "return_delivered_order_items"
    assert "return_delivered_order_items" not in [call.name for call in other.agt]


async def test_a_writer_that_knows_nothing_makes_nothing() -> None:
    generator = TauBenchOpenAIGenerator(generator=MockPolicy("I would rather not."), max_iterations=1)
    (task,) = await generator.generate_diverse_tasks(num_tasks=1, use_agentflow=False)
    assert not task.success
    with pytest.raises(UsageError, match="none was accepted"):
        await generator.test_tasks([task], "oracle")
    with pytest.raises(UsageError, match="no task was accepted"):
        await generator.generate_task_with_agentflow(include_metadata=False)


def test_twins_wait(tmp_path: Path) -> None:
    generator = TauBenchOpenAIGenerator(generator="template", seed=7)
    assert generator.generate_task_with_agentflow_sync().success
    tasks = generator.generate_diverse_tasks_sync(num_tasks=3)
    assert len({task.task.q for task in tasks}) == 3
    assert generator.save_tasks_to_file_sync(tasks, tmp_path / "t.json").exists()
    report = generator.test_tasks_sync(tasks, dry_run=True)
    assert (report.summary["mode"], report.summary["success_rate"]) == ("dry-run", 1.0)


async def test_twins_wait_also_where_a_loop_runs() -> None:
    assert TauBenchOpenAIGenerator(generator="template").generate_task_with_agentflow_sync().success


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataFileError, match="there is no nowhere"):
        TauBenchOpenAIGenerator("nowhere")


def test_the_settings_are_in_use() -> None:
    config = TauBenchConfig()
    TauBenchOpenAIGenerator(config=config)
    with pytest.raises(UsageError, match="in use"):
        config.num_tasks = 1
