"""Whether a tiny model learns to serve the shop's customers, and then from rewards to decide rightly.

Everything is done by commands: a world of its own, tasks with phrasings of which some are held out, recorded
references, a model that has learnt nothing. It first learns to say again what it read (ids of which it has seen none),
then the calls. Then a copy is taught wrong decisions, and GRPO on live rollouts has to mend them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from agentgym.episode import Episode
from agentgym.runs import read_episodes
from benchmarks.learning.figures import Bar, flat, held_by
from benchmarks.learning.retail_scores import scores_of
from benchmarks.learning.retail_tasks import SPLITS, Looks, Wanted, World, wanted, write_tasks
from benchmarks.learning.stages import Stages

Say = Callable[[str], None]
Figures = dict[str, Any]

BARS = (
    Bar("held_out.json_valid", least=0.95),
    Bar("held_out.action_accuracy", least=0.9),
    Bar("held_out.f1", least=0.75),
    Bar("held_out.exact_match", least=0.7),
    Bar("cpu_s", most=15 * 60),
    Bar("parameters", most=1_000_000),
    Bar("decisions.gain.sampled", least=0.1),
    Bar("decisions.gain.greedy", least=0.1),
)

USERS, ORDERS, PRODUCTS = 6000, 12000, 20
TRAIN, TEST = 16000, 300
LAYERS, WIDTH, VOCABULARY = 2, 128, 3000
BATCH, RATE = 8, 1.5e-3
NUMBER_STEPS, WORD_STEPS, WORDS_BESIDE = 700, 600, 1600
"""Of repeating numbers, of repeating words between them, and rows of the latter beside what is learnt of the shop."""
SFT_EPOCHS = 2.5
WRONG, WRONG_TASKS, WRONG_STEPS, WRONG_BATCH, WRONG_RATE = 0.6, 4800, 300, 16, 5e-4
"""The share of wrong decisions that a copy is taught; no task twice, so that it learns how often and not when."""
GRPO_STEPS, GROUPS, GROUP_SIZE, GRPO_RATE = 40, 12, 8, 2e-4

PIECES = (
    r'", "payment_history": \[\{"transaction_type": "payment", "amount": |, "payment_method_id": "'
    r'|\{"name": "[a-z_]+", "arguments": \{"\w+": \[?"#?W?|"\]?, "\w+": (?:\[\{"\w+": )?\[?"|"\]?\}\}|, "\w+": "'
    r"|[a-z]+(?:_[a-z]+)*_(?=\d)|@example\.com| ?#W|\d{1,3}"
    r"| [a-z'-]+(?![a-z]|[.@_]\w)|[A-Za-z]+| |[.,:!?] |[^A-Za-z\d ]"
)
"""What never changes about a call is one token, and a number is tokens of three digits."""
MARKS = ("<|user|>", "<|assistant|>", "<|tool|>")
TEMPLATE = """\
{%- for message in messages %}
{%- if message.role == 'user' %}{{- '<|user|>' + message.content + '<|im_end|>' }}
{%- elif message.role == 'tool' %}
{{- '<|tool|>' + message.content.split('"status": "')[-1].split('"}')[0] + '<|im_end|>' }}
{%- elif message.role == 'assistant' %}{{- '<|assistant|>' }}
{%- generation %}{{- message.content or '' }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}
{{- (call.function.arguments | tojson) + '}</tool_call>' }}
{%- endfor %}{{- '<|im_end|>' }}{%- endgeneration %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"""
"""Of an order a tiny model is shown its status and its payment, and no items or addresses."""


def learn(seed: int, out: Path, *, say: Say) -> Figures:
    """All stages with one seed: their figures, and the CPU seconds of each."""
    stages = _Stages(out.absolute(), say)
    world = _world(stages, seed)
    _prepare(stages, world, seed)
    model = _imitate(stages, seed)
    found: Figures = {"seed": seed, "parameters": _parameters(model), "held_out": _played(stages, model, "test")}
    found["sampled"] = _played(stages, model, "test", temperature=1.0)
    found["cpu_s"] = stages.spent("data", "model", "echo", "sft")
    found["decisions"] = _decide(stages, world, model, seed)
    found["stages_cpu_s"] = {stage: round(spent, 1) for stage, spent in stages.cpu_s.items()}
    return found


def held(found: Sequence[Figures]) -> dict[str, bool]:
    """Which bars the means over the seeds hold."""
    return held_by(BARS, [flat(each) for each in found])


class _Stages(Stages):
    """Also counts what is done in this process."""

    @contextmanager
    def counting(self, stage: str) -> Iterator[None]:
        """Add the CPU seconds of what is done meanwhile."""
        before = process_time()
        try:
            yield
        finally:
            self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + process_time() - before

    def spent(self, *stages: str) -> float:
        """The CPU seconds of some stages together."""
        return round(sum(self.cpu_s[stage] for stage in stages), 1)


def _world(stages: _Stages, seed: int) -> World:
    sizes = ("--users", USERS, "--orders", ORDERS, "--products", PRODUCTS, "--train", 0, "--test", 0)
    stages.agentgym("data", "retail", "world", "--seed", 100 + seed, *sizes, "-o", stages.folder / "world", "--force")
    return World.read(stages.folder / "world")


def _prepare(stages: _Stages, world: World, seed: int) -> None:
    """Tasks, recorded references, and rows that repeat numbers."""
    with stages.counting("data"):
        for split, count in (("train", TRAIN), ("test", TEST)):
            asked = wanted(world, split=split, seed=seed, count=count)  # type: ignore[arg-type]  # both are splits
            write_tasks(stages.folder / f"world/tasks_{split}.jsonl", [each.task(at) for at, each in enumerate(asked)])
        _write_lines(stages.folder / "numbers.jsonl", _numbers(Random(f"numbers {seed}")))
        _write_lines(stages.folder / "words.jsonl", _words(world, Random(f"words {seed}")))
        (stages.folder / "template.jinja").write_text(TEMPLATE, encoding="utf-8")
    _record(stages, "train")


def _record(stages: _Stages, split: str) -> None:
    stages.agentgym(
        "data", *_bench(stages, split), "--policy", "oracle", "--out", _fresh(stages.folder / f"oracle-{split}")
    )


def _bench(stages: _Stages, split: str) -> tuple[object, ...]:
    return ("bench", "retail", "--data", stages.folder / "world", "--split", split, "--user", "scripted", "--quiet")


def _numbers(chance: Random) -> Iterator[Figures]:
    """Dialogues in which a long number among others is said again."""
    for _ in range(NUMBER_STEPS * BATCH):
        yield _echo(_number(chance, 0, 5), _number(chance, 3, 14), _number(chance, 0, 5))


def _words(world: World, chance: Random) -> Iterator[Figures]:
    """The same of names and numbers in turn."""
    users = [user for at, user in enumerate(world.users.values()) if at % 10 in SPLITS["train"]]

    def mixed(least: int, most: int) -> str:
        pairs = chance.randint(least, most)
        return "".join(_number(chance, 1, 2) + _word(chance.choice(users), chance) for _ in range(pairs))

    for _ in range(WORD_STEPS * BATCH + WORDS_BESIDE):
        yield _echo(mixed(0, 3), mixed(2, 5), mixed(0, 3))


def _number(chance: Random, least: int, most: int) -> str:
    """Of so many times three digits, which are a token each, and often of one or two more, as ids are."""
    digits = 3 * chance.randint(least, most) + chance.choice((0, 0, 1, 2))
    return "".join(chance.choice("0123456789") for _ in range(digits))


def _word(user: Figures, chance: Random) -> str:
    """A word that some customer has to do with."""
    name, place = user["name"], user["address"]
    names = [name["first_name"], name["last_name"]]
    street, unit = place["address1"].split()[1], place["address2"].split()[0]
    marks = (".", "#W", "@example.com", "credit_card_", "paypal_", "gift_card_")
    return str(chance.choice((*names, *(each.lower() for each in names), place["city"], street, unit, *marks)))


def _echo(before: str, again: str, after: str) -> Figures:
    asked = f"{before} ({again}) {after}"
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": again}]}


def _imitate(stages: _Stages, seed: int) -> Path:
    """A model that has learnt nothing learns to repeat, and then to serve."""
    out = stages.folder
    new = _fresh(out / "new")
    sizes = ("--layers", LAYERS, "--width", WIDTH, "--vocabulary", VOCABULARY, "--context", 512, "--seed", seed)
    marks = (part for mark in MARKS for part in ("--token", mark))
    texts = (out / "oracle-train", out / "numbers.jsonl", out / "words.jsonl")
    shape = ("--template", out / "template.jinja", "--pieces", PIECES, *marks, *sizes)
    stages.agentgym("model", "model", "new", "--out", new, "--data", *texts, *shape)
    for name in ("numbers", "words"):
        rows = out / f"{name}-rows.jsonl"
        stages.agentgym("echo", "train", "data", out / f"{name}.jsonl", "--tokenizer", new, "--out", rows)
        with stages.counting("echo"):
            _write_lines(rows, [_without_end(row) for row in _read_lines(rows)])
    with stages.counting("echo"):
        _write_lines(out / "beside-rows.jsonl", _read_lines(out / "words-rows.jsonl")[-WORDS_BESIDE:])
    warm = ("--batch-size", BATCH, "--learning-rate", RATE, "--set", "optimizer.warmup_steps=50")
    constant = (*warm, "--set", "optimizer.schedule=constant", "--max-steps")
    numbers = _sft(stages, "echo", new, "numbers", seed, [out / "numbers-rows.jsonl"], *constant, NUMBER_STEPS)
    both = [out / "words-rows.jsonl", out / "numbers-rows.jsonl"]
    words = _sft(stages, "echo", numbers, "words", seed, both, *constant, WORD_STEPS)
    sources = [out / "oracle-train", out / "beside-rows.jsonl"]
    return _sft(stages, "sft", words, "sft", seed, sources, *warm, "--epochs", SFT_EPOCHS)


def _sft(
    stages: _Stages, stage: str, model: Path, name: str, seed: int, sources: Sequence[Path], *settings: object
) -> Path:
    """Train a model, and say where the result is."""
    out = _fresh(stages.folder / name)
    places = ("--model", model, "--data", *sources, "--output-dir", out, *_logs(stages, name))
    shared = ("--backend", "torch", "--seed", seed, "--set", "log_steps=50")
    stages.agentgym(stage, "train", "sft", *shared, *places, *settings)
    return out / "final_model"


def _logs(stages: _Stages, name: str) -> tuple[object, ...]:
    _fresh(stages.folder / "log" / name)
    return ("--log-dir", stages.folder / "log", "--run-name", name)


def _without_end(row: Figures) -> Figures:
    """The row whose end of turn does not train: while it does, a tiny model takes far longer to learn to repeat."""
    return {"input_ids": row["input_ids"], "labels": [*row["labels"][:-1], -100]}


def _decide(stages: _Stages, world: World, model: Path, seed: int) -> Figures:
    """A copy that decides wrongly, and what GRPO makes of it."""
    with stages.counting("wrong"):
        chance = Random(f"wrong {seed}")
        asked = wanted(world, split="train", seed=1000 + seed, count=WRONG_TASKS)
        tasks = [_mistaken(each, at, chance) for at, each in enumerate(asked)]
        write_tasks(stages.folder / "world/tasks_wrong.jsonl", tasks)
        asked = wanted(world, split="train", seed=2000 + seed, count=GRPO_STEPS * GROUPS)
        write_tasks(stages.folder / "live.jsonl", [each.task(at) for at, each in enumerate(asked)])
    stages.agentgym(
        "wrong", *_bench(stages, "wrong"), "--policy", "oracle", "--out", _fresh(stages.folder / "oracle-wrong")
    )
    warm = ("--batch-size", WRONG_BATCH, "--learning-rate", WRONG_RATE, "--set", "optimizer.warmup_steps=30")
    steps = (*warm, "--max-steps", WRONG_STEPS)
    start = _sft(stages, "wrong", model, "wrong", seed, [stages.folder / "oracle-wrong"], *steps)
    before = _both(stages, start)
    _grpo(stages, start, seed)
    after = _both(stages, stages.folder / "grpo/final_model")
    gain = {how: after[how]["decisions"] - before[how]["decisions"] for how in after}
    return {"before": before, "after": after, "gain": gain}


def _mistaken(each: Wanted, number: int, chance: Random) -> Figures:
    """A task whose reference, in a share of cases, does what the status forbids, or does it before it looks."""
    if chance.random() >= WRONG:
        return each.task(number)
    # How to pay a return back is known only to who has looked the order up.
    late = each.is_allowed and each.wish != "return"
    looks: Looks = chance.choice(("last", "never")) if late else "first"
    return each.task(number, acts=True, looks=looks)


def _grpo(stages: _Stages, start: Path, seed: int) -> None:
    out = stages.folder
    _fresh(out / "grpo")
    settings = {
        "live.environment": "retail",
        "live.settings": json.dumps({"data": str(out / "world"), "user": "scripted"}),
        "live.tasks": out / "live.jsonl",
        "live.group_size": GROUP_SIZE,
        "live.max_tokens": 100,
        "live.max_turns": 8,
        "grpo.groups_per_step": GROUPS,
        "grpo.reward_weights": json.dumps({"reward": 1.0, "exact_actions": 1.0}),
        "optimizer.schedule": "constant",
        "optimizer.learning_rate": GRPO_RATE,
        "optimizer.warmup_steps": 3,
    }
    changes = (part for name, value in settings.items() for part in ("--set", f"{name}={value}"))
    places = ("--model", start, "--output-dir", out / "grpo", *_logs(stages, "grpo"))
    steps = ("--max-steps", GRPO_STEPS, "--batch-size", GROUPS * GROUP_SIZE)
    stages.agentgym("grpo", "train", "grpo", "--backend", "torch", *places, "--seed", seed, *steps, *changes)


def _both(stages: _Stages, model: Path) -> Figures:
    return {
        "greedy": _played(stages, model, "test"),
        "sampled": _played(stages, model, "test", temperature=1.0),
    }


def _played(stages: _Stages, model: Path, split: str, *, temperature: float = 0.0) -> Figures:
    """The figures of a model on the tasks of a split."""
    folder = _fresh(stages.folder / f"played-{model.parent.name}-{split}-{temperature:g}")
    asked = ("--policy", f"local:{model}", "--temperature", temperature, "--max-tokens", 100)
    stages.agentgym("evaluation", *_bench(stages, split), *asked, "--out", folder)
    return scores_of(_by_model(folder))


def _by_model(folder: Path) -> Iterator[Episode]:
    return (episode for episode in read_episodes(folder) if episode.policy.startswith("local:"))


def _parameters(model: Path) -> int:
    """How many numbers the weights are; those of four bytes are all there is."""
    with (model / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = (told["shape"] for name, told in header.items() if name != "__metadata__")
    return sum(_product(shape) for shape in shapes)


def _product(sizes: Sequence[int]) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _write_lines(path: Path, rows: Iterator[Figures] | Sequence[Figures]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _read_lines(path: Path) -> list[Figures]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
