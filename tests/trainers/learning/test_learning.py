"""Rows as batches, the chances of their tokens, and updates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import pytest

from trainers.advantages import Lesson
from trainers.dataset.rows import Origin, Sample, TokenRow
from trainers.learning.batches import apart, batch_of, drawn
from trainers.learning.scores import token_logprobs, token_scores
from trainers.learning.updater import Updater, share_of_rate
from trainers.recipe import OptimizerSettings

VOCABULARY = 50


def row(*ids: int, samples: Iterable[tuple[int, int]], temperature: float | None = None) -> TokenRow:
    held = tuple(Sample(begin=begin, end=end, turn=1, temperature=temperature) for begin, end in samples)
    count = sum(map(len, held))
    logprobs = tuple(-0.1 * place for place in range(1, count + 1))
    origin = Origin(source="here", task_id="t")
    return TokenRow(origin=origin, input_ids=ids, samples=held, logprobs=logprobs)


ROWS = (
    row(*range(3, 12), samples=[(2, 4), (6, 9)], temperature=0.5),
    row(7, 8, 9, 10, samples=[(3, 4)], temperature=2.0),
    row(5, 6, samples=[(0, 2)]),
)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture(params=["qwen3", "llama"])
def model(torch: Any, request: pytest.FixtureRequest) -> Any:
    """Tiny, on a CPU: one whose forward is ours, and one whose own forward is taken."""
    torch.manual_seed(0)
    return tiny_model(request.param).eval()


def tiny_model(family: str, **more: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    kinds = {"qwen3": ("Qwen3Config", "Qwen3ForCausalLM"), "llama": ("LlamaConfig", "LlamaForCausalLM")}
    config, architecture = (getattr(transformers, name) for name in kinds[family])
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    }
    return architecture(config(**sizes | more))


def slowly(model: Any, torch: Any, each: TokenRow, temperatures: Iterable[float]) -> list[float]:
    """The log-probabilities of a row's sampled tokens, by all of its logits."""
    logits = model(input_ids=torch.tensor([each.input_ids])).logits[0]
    found = []
    for place, (trains, temperature) in enumerate(zip(each.loss_mask, temperatures, strict=True)):
        if not trains or place == 0:
            found.append(0.0)
        else:
            chances = torch.log_softmax(logits[place - 1] / temperature, dim=-1)
            found.append(chances[each.input_ids[place]].item())
    return found


def test_rows_are_padded_to_the_right_and_only_what_was_sampled_trains(torch: Any) -> None:
    batch = batch_of(ROWS, pad_id=1)
    assert batch.input_ids.tolist() == [list(range(3, 12)), [7, 8, 9, 10, 1, 1, 1, 1, 1], [5, 6, *[1] * 7]]
    assert batch.attention_mask.sum(-1).tolist() == [9, 4, 2]
    assert batch.mask.nonzero().tolist() == [[0, 2], [0, 3], [0, 6], [0, 7], [0, 8], [1, 3], [2, 1]]
    assert batch.trained_count == 7
    assert batch.old_logprobs is None


def test_lessons_bring_all_that_is_known_of_their_tokens(torch: Any) -> None:
    lessons = [
        Lesson(row=ROWS[0], advantage=-2.0, weights=(0.5, 0.25)),
        Lesson(row=ROWS[1], advantage=1.0, weights=(1,)),
    ]
    batch = batch_of(lessons, pad_id=0)
    assert batch.old_logprobs[0].tolist() == pytest.approx([0, 0, -0.1, -0.2, 0, 0, -0.3, -0.4, -0.5])
    assert batch.advantages[0].tolist() == [0, 0, -2, -2, 0, 0, -2, -2, -2]
    assert batch.weights[:, 3].tolist() == [0.5, 1.0]
    assert batch.temperatures[:, 3].tolist() == [0.5, 2.0]


@pytest.mark.parametrize("warm", [False, True])
def test_log_probabilities_are_those_of_the_whole_logits(model: Any, torch: Any, warm: bool) -> None:
    lessons = [Lesson(row=each, advantage=1.0, weights=(1.0,) * len(each.samples)) for each in ROWS]
    batch = batch_of(lessons, pad_id=0)
    found = token_logprobs(model, batch, temperature=batch.temperatures if warm else 1.0)
    for number, each in enumerate(ROWS):
        temperatures = batch.temperatures[number, : len(each)].tolist()
        wanted = slowly(model, torch, each, temperatures if warm else [1.0] * len(each))
        assert found[number, : len(each)].tolist() == pytest.approx(wanted, abs=1e-5)
        assert not found[number, len(each) :].any()


def test_the_head_works_at_the_tokens_that_train_alone(model: Any, torch: Any) -> None:
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda module, given, made: seen.append(made.numel()))
    token_logprobs(model, batch_of(ROWS, pad_id=0))
    assert seen == [7 * VOCABULARY]
    assert model(input_ids=torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, VOCABULARY)


QWENS = {
    "as it is": {},
    "untied": {"tie_word_embeddings": False},
    "with biases": {"attention_bias": True},
    "of four layers and as many keys as queries": {"num_hidden_layers": 4, "num_key_value_heads": 2},
    "stretched": {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
    "of another activation": {"hidden_act": "gelu"},
}


@pytest.mark.parametrize("settings", QWENS.values(), ids=QWENS)
def test_the_shorter_way_through_qwen3_leads_where_its_own_does(torch: Any, settings: dict[str, Any]) -> None:
    from trainers.learning import qwen3

    torch.manual_seed(1)
    model = tiny_model("qwen3", **settings)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, mean=0.1, std=0.3)  # norms of 1 would hide a missing factor
    ids, places = torch.randint(VOCABULARY, (3, 20)), torch.tensor([0, 5, 19, 20, 41, 58])
    assert qwen3.fits(model)
    found = []
    for logits in (qwen3.logits_at(model, ids, places), model(input_ids=ids).logits.flatten(0, 1)[places]):
        logits.sin().sum().backward()
        found.append([logits.detach(), *[weights.grad for weights in model.parameters()]])
        model.zero_grad()
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_the_shorter_way_is_not_taken_by_what_it_does_not_know(torch: Any) -> None:
    from trainers.learning import qwen3

    slow, namesake = tiny_model("qwen3"), tiny_model("qwen3")
    slow.model.gradient_checkpointing = True  # under whichever name it is switched on
    namesake.__class__ = type("Qwen3ForCausalLM", (type(namesake),), {})
    others = [
        slow,
        namesake,
        tiny_model("llama"),
        tiny_model("qwen3").bfloat16(),
        tiny_model("qwen3", attention_dropout=0.1),
        tiny_model("qwen3", attn_implementation="eager"),
        tiny_model("qwen3", use_sliding_window=True, sliding_window=4, max_window_layers=0),
    ]
    assert [qwen3.fits(other) for other in others] == [False] * 7


def test_entropy_and_the_likeliest_token_are_told_when_asked_for(model: Any, torch: Any) -> None:
    batch = batch_of(ROWS, pad_id=0)
    scores = token_scores(model, batch, entropy=True, right=True)
    logits = model(input_ids=batch.input_ids).logits[0, 1].detach()
    chances = torch.softmax(logits, dim=-1)
    assert float(scores.entropy[0, 2]) == pytest.approx(float(-(chances * chances.log()).sum()), abs=1e-5)
    assert float(scores.right[0, 2]) == float(int(logits.argmax()) == int(batch.input_ids[0, 2]))
    assert token_scores(model, batch).entropy is None


def test_scores_are_float32_where_the_model_computes_in_less(model: Any, torch: Any) -> None:
    batch = batch_of(ROWS, pad_id=0)
    exact = token_scores(model, batch, entropy=True)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = token_scores(model, batch, entropy=True)
    for mine, theirs in ((rounded.logprobs, exact.logprobs), (rounded.entropy, exact.entropy)):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=0.0, atol=0.05)


def test_gradients_are_those_of_the_whole_logits(model: Any, torch: Any) -> None:
    batch = batch_of(ROWS, pad_id=0)
    (-token_logprobs(model, batch).sum()).backward()
    ours = [weights.grad.clone() for weights in model.parameters()]
    model.zero_grad()
    labels = torch.where(batch.mask, batch.input_ids, -100)
    logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits[:, :-1]
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum").backward()
    for mine, theirs in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs.grad, rtol=1e-4, atol=1e-5)


def test_a_seed_gives_one_order_an_epoch() -> None:
    lengths = [(number * 37) % 101 + 1 for number in range(1003)]
    first = drawn(lengths, size=8, seed=1)
    assert sorted(place for batch in first for place in batch) == list(range(1003))
    assert first == drawn(lengths, size=8, seed=1)
    assert first != drawn(lengths, size=8, seed=2)
    assert first != drawn(lengths, size=8, seed=1, epoch=1)
    assert [len(batch) for batch in first] == [8] * 125 + [3]
    assert max(lengths[place] for place in first[0]) == max(lengths), "what memory cannot hold shows at once"


def test_an_update_sees_rows_of_all_lengths_and_puts_like_ones_together() -> None:
    lengths = [10] * 500 + [90] * 500
    batches = drawn(lengths, size=8, together=4, seed=0)
    updates = [list(chain(*batches[at : at + 4])) for at in range(0, len(batches), 4)]
    short = [sum(lengths[place] == 10 for place in update) for update in updates[:-1]]
    assert 4 < min(short) <= max(short) < 28, "length goes with the answer in small tasks: no update of one kind alone"
    mixed = [batch for batch in batches if len({lengths[place] for place in batch}) > 1]
    assert len(mixed) <= len(updates), "one batch of four at most pads"


def test_a_batch_is_computed_in_parts_where_that_pads_less(torch: Any) -> None:
    def parts(*lengths: int, device: str = "cpu") -> list[list[int]]:
        rows = [row(*[0] * length, samples=[]) for length in lengths]
        return [[len(each) for each in part] for part in apart(rows, device=torch.device(device))]

    assert parts(10, 40, 20) == [[40, 20, 10]], "another pass would cost more than the padding"
    assert parts(20, 900, 30, 1000) == [[1000, 900], [30, 20]]
    assert parts(20, 900, 30, 1000, device="cuda") == [[1000, 900, 30, 20]]
    assert parts(7) == [[7]]
    assert parts(*range(1, 2000, 100))[0][0] == 1901, "the longest first"


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_learning_rate_goes_as_transformers_has_it(torch: Any, schedule: Any) -> None:
    transformers = pytest.importorskip("transformers")
    settings = OptimizerSettings(learning_rate=0.5, schedule=schedule, warmup_steps=3)
    weights = torch.nn.Parameter(torch.zeros(2))
    theirs = torch.optim.SGD([weights], lr=0.5)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    course = transformers.get_scheduler(name, theirs, num_warmup_steps=3, num_training_steps=10)
    for step in range(10):
        assert 0.5 * share_of_rate(settings, step, 10) == pytest.approx(theirs.param_groups[0]["lr"])
        theirs.step()
        course.step()


def test_training_lowers_the_loss_and_goes_on_from_a_state(model: Any, torch: Any) -> None:
    batch = batch_of(ROWS, pad_id=0)
    settings = OptimizerSettings(learning_rate=1e-2, schedule="linear", weight_decay=0.1, max_grad_norm=0.5)

    def losses(updater: Updater, count: int) -> list[float]:
        found = []
        for _ in range(count):
            loss = -token_logprobs(model, batch).sum() / batch.trained_count
            updater.backward(loss)
            updater.step()
            found.append(loss.item())
        return found

    updater = Updater(model, settings, total_steps=12)
    before = losses(updater, 6)
    weights, state = {name: value.clone() for name, value in model.state_dict().items()}, deepcopy(updater.state())
    after = losses(updater, 6)
    assert after[-1] < before[0] * 0.75
    model.load_state_dict(weights)
    other = Updater(model, settings, total_steps=12)
    other.load_state(state)
    assert losses(other, 6) == after


def test_weights_stay_where_gradients_are_not_finite(model: Any, torch: Any) -> None:
    updater = Updater(model, OptimizerSettings(), total_steps=2)
    before = model.lm_head.weight.clone()
    updater.backward(model.lm_head.weight.sum() * math.nan)
    norm, rate = updater.step()
    assert math.isnan(norm)
    assert rate > 0
    assert torch.equal(model.lm_head.weight, before)
