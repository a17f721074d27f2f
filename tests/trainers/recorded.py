"""Runs made by hand, and a tokenizer whose tokens depend on what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agentgym.episode import EnvironmentInfo, Episode, Outcome, RewardTerm, StepRecord, Timings, TurnRecord
from agentgym.limits import Limits
from agentgym.messages import JsonObject, Message, TokenSpan, Turn
from agentgym.runs import EPISODES, INFO, PolicyInfo, RunInfo

STEP = StepRecord(action={}, observation={}, reward=0.0)


def span(prompt: Iterable[int], completion: Iterable[int], **more: Any) -> TokenSpan:
    ids = tuple(completion)
    logprobs = more.pop("logprobs", tuple(-0.5 - place for place in range(len(ids))))
    return TokenSpan(tuple(prompt), ids, logprobs, **{"temperature": 0.8, **more})


def spoken(turn: Turn, *answers: str) -> TurnRecord:
    return TurnRecord(turn, (STEP,), tuple(Message("user", answer) for answer in answers))


def episode(
    *turns: TurnRecord,
    task: str = "t1",
    trial: int = 0,
    reward: float = 1.0,
    outcome: Outcome = "solved",
    fields: JsonObject | None = None,
    terms: Mapping[str, RewardTerm] | None = None,
) -> Episode:
    return Episode(
        environment=EnvironmentInfo("guess", "1"),
        policy="someone",
        task_id=task,
        task={"id": task, **(fields or {})},
        trial=trial,
        seed=7,
        limits=Limits(),
        outcome=outcome,
        reward=reward,
        terms=dict(terms if terms is not None else {"found": RewardTerm(reward)}),
        opening=(Message("system", "Be brief."), Message("user", "Go.")),
        turns=turns,
        versions={},
        timings=Timings("2026-01-01T00:00:00Z"),
    )


def write_run(folder: Path, *episodes: Episode, suite: str = "guess") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    info = RunInfo(suite=suite, environment=EnvironmentInfo("guess", "1"), policy=PolicyInfo("someone"))
    (folder / INFO).write_bytes(info.to_json())
    with (folder / EPISODES).open("wb") as file:
        file.writelines(each.to_json() + b"\n" for each in episodes)
    return folder


class Pairs:
    """A token for each special mark, for each two letters that come together, and for what letter is left."""

    eos_token: str | None = "<|im_end|>"
    _PIECES = re.compile(r"<\|im_start\|>|<\|im_end\|>|[a-z][a-z]|.", re.DOTALL)

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.encoded: list[str] = []

    def encode(self, text: str, /, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens, "the template writes them"
        self.encoded.append(text)
        return [self.known.setdefault(piece, len(self.known)) for piece in self._PIECES.findall(text)]

    def decode(self, ids: Iterable[int]) -> str:
        pieces = list(self.known)
        return "".join(pieces[id] for id in ids)

    def apply_chat_template(
        self,
        conversation: list[JsonObject],
        /,
        *,
        tools: list[JsonObject] | None,
        add_generation_prompt: bool,
        tokenize: bool,
    ) -> str:
        assert not tokenize
        said = [f"<|im_start|>tools\n{len(tools)}<|im_end|>\n"] if tools else []
        said += [f"<|im_start|>{each['role']}\n{self.body(each)}<|im_end|>\n" for each in conversation]
        return "".join([*said, "<|im_start|>assistant\n"] if add_generation_prompt else said)

    def body(self, message: JsonObject) -> str:
        return f"{message['content']}{message.get('tool_calls', '')}"
