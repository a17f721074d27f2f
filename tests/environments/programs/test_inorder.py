"""Work side by side, told in order: how far it runs ahead, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest

from agentgym.errors import DataFileError
from environments.programs.inorder import in_order

pytestmark = pytest.mark.anyio


async def test_results_are_told_in_order_and_few_wait_for_a_slow_one() -> None:
    read: list[int] = []
    told: list[int] = []
    gate = anyio.Event()
    stuck = anyio.Event()

    def items() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    async def work(number: int) -> int:
        if number == 0:
            await gate.wait()
        await anyio.lowlevel.checkpoint()
        if number == 10:
            stuck.set()
        return number

    async with anyio.create_task_group() as group:

        async def play() -> None:
            await in_order(items(), work, told.append, concurrency=3)

        group.start_soon(play)
        await stuck.wait()
        await anyio.wait_all_tasks_blocked()
        assert (told, len(read)) == ([], 13)
        gate.set()
    assert told == list(range(1000))


@pytest.mark.parametrize("where", ["items", "work", "tell"])
async def test_the_first_error_ends_it_without_a_group_around_it(where: str) -> None:
    def fail(place: str, number: int) -> int:
        if (place, number) == (where, 5):
            raise DataFileError("row 5")
        return number

    async def work(number: int) -> int:
        return fail("work", number)

    told: list[int] = []

    def tell(number: int) -> None:
        told.append(fail("tell", number))

    with pytest.raises(DataFileError, match="row 5"):
        await in_order((fail("items", number) for number in range(1000)), work, tell, concurrency=2)
    assert told == list(range(len(told)))
    assert len(told) <= 6
