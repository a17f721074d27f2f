"""Read by mypy, never run: what a type checker must see, and what it must refuse.

Every `type: ignore` below stands on a line that has to be an error; mypy reports those that are not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from pydantic import BaseModel

from agentgym import (
    BadCall,
    Env,
    Episode,
    IdlePolicy,
    Observation,
    Reset,
    Say,
    Step,
    Task,
    ToolAction,
    ToolEnv,
    ToolError,
    rollout,
    run_sync,
    tool,
)
from environments.guess import Guess, Secret


class Hint(Observation):
    level: int = 0


class Shop(ToolEnv[Secret, Hint], id="shop", max_turns=None):
    async def begin(self, task: Secret) -> Hint:
        assert_type(task, Secret)
        assert_type(self.task, Secret)
        return Hint(text="open")

    @tool
    async def buy(self, item: str, count: int = 1) -> str:
        return await self.buy(item, count=count)

    @tool(readonly=True, timeout_s=5.0)
    async def look(self, *, shelf: int) -> Hint | ToolError:
        return ToolError(text="empty") if shelf else Hint(text="full")

    def reference(self) -> Iterator[ToolAction]:
        yield Shop.buy.action("pen")
        yield self.look.action(shelf=1)


class Move(BaseModel, frozen=True):
    by: int


class Counter(Env[Task, Hint, Move]):
    async def apply(self, action: Move) -> Hint:
        assert_type(action, Move)
        return Hint(text="", level=action.by)


async def use(shop: Shop, counter: Counter, secret: Secret) -> None:
    assert_type(await shop.reset(secret, seed=1), Reset[Hint | ToolError])
    assert_type(await shop.step(Shop.buy.action(item="pen", count=2)), Step[Hint | ToolError])
    observation, reward, terminated, truncated, _ = await shop.step(Say("hello"))
    assert_type(observation, Hint | ToolError)
    assert_type(reward, float)
    assert_type((terminated, truncated), tuple[bool, bool])
    assert_type(Shop.buy.action("pen"), ToolAction)
    assert_type(await shop.buy("pen"), str)
    assert_type(await shop.look(shelf=1), Hint | ToolError)
    assert_type(shop.fork(), Shop)
    assert_type(await counter.step(Move(by=1)), Step[Hint])
    assert_type(await rollout(Guess(), IdlePolicy(), secret), Episode)
    assert_type(run_sync(rollout(Guess(), IdlePolicy())), Episode)
    async with Guess() as env:
        assert_type(env, Guess)


def actions(bad: BadCall) -> list[ToolAction | BadCall | Say]:
    return [Shop.buy.action("pen"), bad, Say("")]


async def refuse(shop: Shop, counter: Counter) -> None:
    Shop.buy.action("pen", count="two")  # type: ignore[arg-type]
    Shop.buy.action()  # type: ignore[call-arg]
    Shop.buy.action("pen", colour="red")  # type: ignore[call-arg]
    Shop.look.action(1)  # type: ignore[call-arg]
    await shop.step("buy pen")  # type: ignore[arg-type]
    await shop.step(Move(by=1))  # type: ignore[arg-type]
    await counter.step(Shop.buy.action("pen"))  # type: ignore[arg-type]
    await shop.reset(Task(id="t"))  # type: ignore[arg-type]
    await shop.buy(3)  # type: ignore[arg-type]
    shop.tools["buy"].name = 3  # type: ignore[assignment]
