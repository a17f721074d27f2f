"""A small environment that the agent is tried on: a library with a reader who answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from agentgym import Observation, Say, Task, ToolAction, ToolEnv, ToolError, tool


class Wish(Task):
    """What the reader wants."""

    book: str = "b1"
    replies: tuple[str, ...] = ("Thank you.",)


class Library(ToolEnv[Wish, Observation], id="library", max_turns=12):
    """Find the shelf of a book, and tell the reader."""

    made: ClassVar[list[Library]] = []

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.made.append(self)

    @property
    def instructions(self) -> str:
        """What the librarian keeps to."""
        return "Be brief."

    async def begin(self, task: Wish) -> Observation:
        """The reader asks."""
        return Observation(text=f"Where is the book {task.book}?")

    @tool
    async def look(self, book: str) -> Observation | ToolError:
        "Look a book up."
        if book != self.task.book:
            return ToolError(text=f"Error: no book {book}")
        return Observation(text=f"shelf 7 holds {book}")

    @tool
    async def think(self) -> str:
        "Think; it gives nothing."
        return ""

    async def hear(self, text: str) -> Observation:
        """The reader answers, and goes when there is nothing more to say."""
        self.heard.append(text)
        told = self.task.replies[min(len(self.heard), len(self.task.replies)) - 1]
        if len(self.heard) >= len(self.task.replies):
            self.finish(reward=float("shelf 7" in text))
        return Observation(text=told)

    def reference(self) -> Iterator[ToolAction | Say]:
        """Look, and tell."""
        yield Library.look.action(book=self.task.book)
        while not self.over:
            yield Say("It is on shelf 7.")


@pytest.fixture
def library() -> Library:
    """One of them."""
    return Library()


@pytest.fixture
def wish() -> Callable[..., Wish]:
    """What a reader wants, by what they say in the course of time."""
    return lambda *replies: Wish(id="w", replies=replies or ("Thank you.",))
