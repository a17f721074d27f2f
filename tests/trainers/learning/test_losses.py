"""The losses by hand, on rows small enough to be counted out."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from trainers.learning.losses import Extent, PolicyLoss, imitation_loss, policy_loss
from trainers.recipe import GrpoSettings, LossName

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

MASK = [[0, 1, 1, 0], [0, 1, 0, 0]]
OLD = [[0.0, -1.0, -2.0, 0.0], [0.0, -0.5, 0.0, 0.0]]


def loss(
    ratios: list[list[float]], advantages: list[Any], *, extent: Extent | None = None, **settings: Any
) -> PolicyLoss:
    """Of log-probabilities with these ratios to the old ones."""
    old = torch.tensor(OLD)
    return policy_loss(
        old + torch.tensor(ratios).log(),
        old_logprobs=old,
        advantages=torch.tensor(advantages),
        mask=torch.tensor(MASK, dtype=torch.bool),
        settings=GrpoSettings(**({"epsilon": 0.2, "epsilon_high": 0.3, "delta": None} | settings)),
        extent=extent or Extent(rows=2, tokens=3, longest=10),
    )


ONES = [[1.0] * 4, [1.0] * 4]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("grpo", -(1.0 - 3.0) / 2), ("gspo", -(1.0 - 3.0) / 2), ("dapo", -(2.0 - 3.0) / 3), ("dr_grpo", 1.0 / 20)],
)
def test_what_each_loss_is_a_mean_of(name: LossName, expected: float) -> None:
    assert float(loss(ONES, [1.0, -3.0], loss=name).loss) == pytest.approx(expected)


def test_the_ratio_is_clipped_where_it_would_go_on() -> None:
    found = loss([[9.0, 2.0, 1.1, 9.0], [9.0, 0.5, 9.0, 9.0]], [1.0, -1.0], loss="dapo")
    assert float(found.loss) == pytest.approx(-(1.3 + 1.1 - 0.8) / 3)
    assert (float(found.clipped), float(found.tokens)) == (2.0, 3.0)


def test_the_second_side_bounds_what_is_unlikely_to_have_been_sampled() -> None:
    far = [[1.0, 1.0, 1.0, 1.0], [1.0, 50.0, 1.0, 1.0]]
    assert float(loss(far, [0.0, -1.0], loss="dapo").loss) == pytest.approx(50 / 3)
    assert float(loss(far, [0.0, -1.0], loss="dapo", delta=4.0).loss) == pytest.approx(4 / 3)


def test_a_row_has_one_ratio_in_gspo() -> None:
    ratios = [[1.0, 1.5, 1.2, 1.0], [1.0, 1.0, 1.0, 1.0]]
    mean = math.sqrt(1.5 * 1.2)
    found = loss(ratios, [1.0, 0.0], loss="gspo", epsilon_high=None, epsilon=0.9)
    assert float(found.loss) == pytest.approx(-mean / 2)


def test_tokens_may_be_worth_different_things() -> None:
    found = loss(ONES, [[9.0, 1.0, 3.0, 9.0], [9.0, -5.0, 9.0, 9.0]], loss="dapo")
    assert float(found.loss) == pytest.approx(-(1.0 + 3.0 - 5.0) / 3)


@pytest.mark.parametrize("name", get_args(LossName))
def test_the_losses_of_batches_add_up(name: LossName) -> None:
    ratios, advantages = torch.tensor([[1.0, 2.0, 1.1, 1.0], [1.0, 0.5, 1.0, 1.0]]), torch.tensor([1.0, -1.0])
    old, mask = torch.tensor(OLD), torch.tensor(MASK, dtype=torch.bool)
    settings, extent = GrpoSettings(loss=name), Extent(rows=2, tokens=3, longest=7)

    def part(rows: slice) -> float:
        found = policy_loss(
            (old + ratios.log())[rows],
            old_logprobs=old[rows],
            advantages=advantages[rows],
            mask=mask[rows],
            settings=settings,
            extent=extent,
        )
        return float(found.loss)

    assert part(slice(0, 1)) + part(slice(1, 2)) == pytest.approx(part(slice(0, 2)))


def test_the_distance_from_the_old_policy_is_never_negative() -> None:
    assert float(loss(ONES, [1.0, 1.0]).kl) == 0
    assert float(loss([[1.0, 2.0, 0.5, 1.0], [1.0] * 4], [1.0, 1.0]).kl) == pytest.approx(0.5)


def test_what_does_not_train_moves_nothing() -> None:
    logprobs = torch.tensor(OLD, requires_grad=True)
    settings, mask = GrpoSettings(), torch.tensor(MASK, dtype=torch.bool)
    found = policy_loss(
        logprobs,
        old_logprobs=torch.full_like(logprobs, -3.0),
        advantages=torch.ones(2),
        mask=mask,
        settings=settings,
        extent=Extent(rows=2, tokens=3),
    )
    found.loss.backward()
    assert (logprobs.grad[~mask] == 0).all()


def test_imitation_is_the_mean_of_what_trains() -> None:
    logprobs, mask = torch.tensor(OLD), torch.tensor(MASK, dtype=torch.bool)
    assert float(imitation_loss(logprobs, mask)) == pytest.approx(3.5 / 3)
    assert float(imitation_loss(logprobs, mask, tokens=7)) == pytest.approx(0.5)
    assert float(imitation_loss(logprobs, torch.zeros_like(mask))) == 0
