"""The trainer of trl with rows of ours; importing this needs trl."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require
from trainers.advantages import Lesson
from trainers.grpo.rounds import Round, worths
from trainers.learning.batches import batch_of

_trl: Any = require("trl")
torch: Any = require("torch")
NextRound = Callable[[int, int], Round]
"""Gives a round by its number, from 0, and how many updates were made before it."""


class RecordedGRPOTrainer(_trl.GRPOTrainer):  # type: ignore[misc]  # of a package without types here
    """A GRPOTrainer whose rounds come from elsewhere: of any number of rows, and of groups of any size.

    `rounds` is asked for each round in the first process, and the others are told.
    """

    def __init__(self, model: Any, *, rounds: NextRound, args: Any, **options: Any) -> None:
        self._rounds = rounds
        self.figures: Mapping[str, float] = {}
        """Of the round that is learnt from."""
        self._distances: list[tuple[float, int]] = []
        prompts = args.world_size * args.steps_per_generation
        rows = require("datasets").Dataset.from_dict({"prompt": [""] * prompts})
        super().__init__(model=model, reward_funcs=[_no_reward], args=args, train_dataset=rows, **options)

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        """The rows of the next round, in place of completions sampled for `inputs`."""
        if self.use_vllm:
            self.vllm_generation.sync_weights()
        chosen = self._next_round()
        self.figures = chosen.figures
        made = self._tensors(chosen)
        if self.beta:
            made["ref_per_token_logps"] = self._reference_logprobs(made)
        return made

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As the stock trainer does, at each token's own temperature, and noting the distance from the old."""
        with self._at(inputs.get("temperatures")), _seeing(model) as seen:
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self._note_distance(inputs, seen)
        return loss

    def _next_round(self) -> Round:
        a_round = self.args.steps_per_generation * self.num_iterations // self.args.gradient_accumulation_steps
        step = self.state.global_step
        told: list[Any] = [None]
        if self.accelerator.is_main_process:
            told = [self._rounds(step // a_round, step)]
            self.model.train()  # whoever sampled may have put it into another mode
        if self.accelerator.num_processes > 1:
            require("accelerate.utils").broadcast_object_list(told)
        chosen: Round = told[0]
        return chosen

    def _tensors(self, chosen: Round) -> dict[str, Any]:
        processes = self.accelerator.num_processes
        own = chosen.lessons[self.accelerator.process_index :: processes]
        chunks = self.args.steps_per_generation
        rows = chunks * max(1, math.ceil(len(chosen.lessons) / processes / chunks))
        # Rows that only fill up count in a mean of rows; what the others count makes up for that.
        filled = rows * processes / max(len(chosen.lessons), 1)
        pad = self._tokenizer.pad_token_id
        loss = "gspo" if self.importance_sampling_level == "sequence" else self.loss_type
        lists = [*_lists(own, chosen, loss, 1.0 if loss == "dapo" else filled), *[_filler(pad)] * (rows - len(own))]
        made = {name: self._padded([each[name] for each in lists], name, pad) for name in lists[0]}
        made["completion_mask"] = self._padded([[1] * len(each["completion_ids"]) for each in lists], "mask", pad)
        made["prompt_mask"] = self._padded([[1] * len(each["prompt_ids"]) for each in lists], "prompt_mask", pad)
        made["num_items_in_batch"] = torch.tensor(chosen.tokens, device=self.accelerator.device)
        if bool((made["temperatures"] == self.temperature).all()):
            del made["temperatures"]
        return made

    def _padded(self, lists: Sequence[Sequence[Any]], name: str, pad: int) -> Any:
        """Prompts at their left, completions at their right."""
        length = max(map(len, lists))
        fill = {"prompt_ids": pad, "completion_ids": pad, "temperatures": self.temperature}.get(name, 0)
        left = name in ("prompt_ids", "prompt_mask")
        whole = [
            [*[fill] * (length - len(each)), *each] if left else [*each, *[fill] * (length - len(each))]
            for each in lists
        ]
        return torch.tensor(whole, device=self.accelerator.device)

    def _reference_logprobs(self, made: Mapping[str, Any]) -> Any:
        """As the model that training began with finds them."""
        ids = torch.cat([made["prompt_ids"], made["completion_ids"]], dim=1)
        mask = torch.cat([made["prompt_mask"], made["completion_mask"]], dim=1)
        model, kept = self.model if self.ref_model is None else self.ref_model, made["completion_ids"].size(1)
        size, temperatures, found = len(ids) // self.args.steps_per_generation, made.get("temperatures"), []
        with torch.no_grad(), self._without_adapter():
            for begin in range(0, len(ids), size):
                part = slice(begin, begin + size)
                with self._at(None if temperatures is None else temperatures[part], model):
                    logprobs, _, _ = self._get_per_token_logps_and_entropies(model, ids[part], mask[part], kept)
                found.append(logprobs)
        return torch.cat(found)

    @contextmanager
    def _without_adapter(self) -> Iterator[None]:
        if self.ref_model is not None:
            yield
            return
        model = self.accelerator.unwrap_model(self.model)
        known = "ref" if "ref" in model.peft_config else None
        with require("trl.trainer.utils").use_adapter(model, adapter_name=known):
            yield

    @contextmanager
    def _at(self, temperatures: Any, model: Any = None) -> Iterator[None]:
        """Have each token judged at the temperature it was sampled at, where that is not the trainer's own.

        The head is linear: hidden states divided by a temperature give logits divided by it.
        """
        if temperatures is None:
            yield
            return
        held = self.accelerator.unwrap_model(self.model if model is None else model)
        held = held.get_base_model() if hasattr(held, "peft_config") else held
        _check_linear(held)

        def divide(module: Any, given: Any, output: Any) -> Any:
            states = output.last_hidden_state
            factors = torch.ones(states.shape[:2], device=states.device, dtype=states.dtype)
            factors[:, -temperatures.size(1) - 1 : -1] = self.temperature / temperatures
            output.last_hidden_state = states * factors.unsqueeze(-1)
            return output

        hook = held.base_model.register_forward_hook(divide)
        try:
            yield
        finally:
            hook.remove()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With the mean distance of all tokens since the last time."""
        if self._distances:
            total, tokens = (sum(values) for values in zip(*self._distances, strict=True))
            self._metrics["train"]["kl_old"].append(total / tokens)
            self._distances.clear()
        super().log(logs, start_time)

    def _note_distance(self, inputs: Mapping[str, Any], seen: Sequence[Any]) -> None:
        mask = inputs["completion_mask"] * inputs["tool_mask"]
        if seen and bool(mask.any()):
            ratio = (seen[0][:, -mask.size(1) :] - inputs["old_per_token_logps"]) * mask
            self._distances.append((float((ratio.exp() - ratio - 1).sum()), int(mask.sum())))


def _lists(lessons: Sequence[Lesson], chosen: Round, loss: Any, factor: float) -> Iterator[dict[str, list[Any]]]:
    """Each row, cut where its first sample begins."""
    if not lessons:
        return
    batch = batch_of(lessons, pad_id=0)
    columns = (worths(batch, chosen, loss) * factor, batch.old_logprobs, batch.mask.long(), batch.temperatures)
    worth, old, mask, temperatures = (column.tolist() for column in columns)
    for place, lesson in enumerate(lessons):
        row = lesson.row
        cut = slice(max(1, row.samples[0].begin), len(row))
        yield {
            "prompt_ids": list(row.input_ids[: cut.start]),
            "completion_ids": list(row.input_ids[cut]),
            "tool_mask": mask[place][cut],
            "advantages": worth[place][cut],
            "old_per_token_logps": old[place][cut],
            "temperatures": temperatures[place][cut],
        }


def _filler(pad: int) -> dict[str, list[Any]]:
    """A row that teaches nothing; its tokens are looked at, for a row without any has no attention to give."""
    return {
        "prompt_ids": [pad],
        "completion_ids": [pad],
        "tool_mask": [0],
        "advantages": [0.0],
        "old_per_token_logps": [0.0],
        "temperatures": [],
    }


@contextmanager
def _seeing(model: Any) -> Iterator[list[Any]]:
    """The log-probabilities that the model gives meanwhile."""
    seen: list[Any] = []

    def look(module: Any, given: Any, output: Any) -> None:
        found = getattr(output, "log_probs", None)
        if found is not None:
            seen.append(found.detach())

    hook = model.register_forward_hook(look)
    try:
        yield seen
    finally:
        hook.remove()


def _check_linear(model: Any) -> None:
    if getattr(model.config.get_text_config(), "final_logit_softcapping", None):
        raise UsageError(
            "the rows were sampled at several temperatures, and the logits of this model are capped: trl cannot judge "
            "them; train from runs of one temperature, or with --backend torch"
        )


def _no_reward(**columns: Any) -> list[float]:
    """Never asked: rounds come with their advantages."""
    raise AssertionError("rewards were counted before")
