"""Which rows each update learns from."""

from __future__ import annotations

from tests.trainers.sft.made import recipe, row, rows
from trainers.sft.plan import Plan


def test_an_epoch_goes_over_all_rows_once_in_another_order() -> None:
    held = list(rows(23))
    plan = Plan(held, recipe(batch_size=4, accumulation=2, epochs=2))
    assert (plan.batches_per_epoch, plan.steps_per_epoch, plan.total_steps) == (6, 3, 6)
    epochs = [
        [place for step in steps for batch in plan.update(step) for place in batch] for steps in ((1, 2, 3), (4, 5, 6))
    ]
    assert [sorted(places) for places in epochs] == [list(range(23))] * 2
    assert epochs[0] != epochs[1]
    assert [len(plan.update(step)) for step in (1, 2, 3)] == [2, 2, 2]


def test_steps_win_over_epochs_and_a_part_of_an_epoch_counts() -> None:
    held = list(rows(10))
    assert Plan(held, recipe(batch_size=2, epochs=0.5)).total_steps == 3
    assert Plan(held, recipe(batch_size=2, epochs=0.5, max_steps=40)).total_steps == 40
    assert Plan(held, recipe(batch_size=2)).epochs_after(7) == 1.4


def test_processes_take_batches_in_turn() -> None:
    held = list(rows(24))
    plan = Plan(held, recipe(batch_size=2, accumulation=2), processes=3)
    assert plan.total_steps == 2
    assert [len(plan.update(step)) for step in (1, 2)] == [6, 6]
    assert plan.update(1) == plan.epoch(0)[:6]


def test_tokens_are_counted_in_all_and_in_each_epoch() -> None:
    held = [row(1, 2, 3, 4, samples=[(2, 4)]), row(1, 2, samples=[(0, 2)]), row(1, 2, 3, samples=[(1, 2)])]
    plan = Plan(held, recipe(batch_size=2, epochs=2))
    whole = plan.usage(plan.total_steps)
    assert whole["total"]["trained"] == 2 * (2 + 1 + 1)
    assert whole["total"]["context"] == 2 * (9 - 4)
    assert whole["total"]["rows"] == 6
    assert [each["epoch"] for each in whole["epochs"]] == [1, 2]
    part = plan.usage(1)
    assert part["total"]["rows"] == len(plan.update(1)[0])
    assert plan.figures(after=0, until=1)["tokens"] == part["total"]["trained"]
    assert plan.figures(after=0, until=2) == {"tokens": 4, "rows": 3, "epoch": 1.0}
