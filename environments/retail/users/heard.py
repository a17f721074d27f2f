"""What a customer's model has heard and said."""

from __future__ import annotations

from dataclasses import dataclass

from agentgym.messages import Conversation, Message


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the customer, and how the model's own history keeps it."""

    line: str
    kept: str


class Heard:
    """The conversation so far: as the model has it, and as it was spoken."""

    def __init__(self, instruction: str, messages: Conversation, spoken: tuple[str, ...] = ()) -> None:
        self.instruction = instruction
        """What the customer knows and wants."""
        self.messages = messages
        self._spoken = spoken

    @property
    def transcript(self) -> str:
        """What was spoken, for a judge."""
        return "\n".join(self._spoken)

    def hear(self, line: str) -> None:
        """Add what the agent said."""
        self.messages.append(Message("user", line))
        self._spoken += (f"Agent: {line}",)

    def say(self, said: Said) -> None:
        """Add what the customer said."""
        self.messages.append(Message("assistant", said.kept))
        self._spoken += (f"Customer: {said.line}",)

    def fork(self) -> Heard:
        """An independent copy."""
        return Heard(self.instruction, Conversation(self.messages), self._spoken)
