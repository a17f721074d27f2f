"""The names that programs use."""

from __future__ import annotations

import pytest

from environments.retail import factory


def test_every_name_is_there_and_is_listed() -> None:
    assert sorted(factory.__all__) == dir(factory)
    for name in factory.__all__:
        assert getattr(factory, name).__name__ == name


@pytest.mark.anyio
async def test_a_pipeline_makes_tasks_that_pass_the_checks() -> None:
    pipeline = factory.TaskConfigurationPipeline(factory.PipelineConfig(committee_size=0))
    made, statistics = await pipeline.generate(8)
    assert statistics.successful == 8
    assert all(factory.check_blueprint(each.task, pipeline.db).valid for each in made)
