"""Recipes of old INI files: their sections become profiles; what no recipe knows is told and kept as a comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from configparser import DEFAULTSECT, ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field
from pathlib import Path

from agentgym.errors import DataFileError
from agentgym.jsontext import parse_json
from trainers.recipe import Stage
from trainers.recipes.catalog import parse_recipe_file
from trainers.recipes.settling import NOTHING, Change, Place, settle
from trainers.recipes.writing import comment, toml_place, toml_value

BASE = ("DEFAULT", "default")
"""Sections that hold for all profiles, where they say nothing else."""
_SECRET = re.compile(r"(?:key|token|password|secret|credentials?)$")
_YES, _NO = ("1", "yes", "true", "on"), ("0", "no", "false", "off")
_NONE = ("", "none", "null")
Read = Callable[[str], object]
_MAY_BE_NOTHING: tuple[Place, ...] = (
    *(("max_steps",), ("save_steps",), ("validate_steps",), ("data", "max_length")),
    *(("grpo", "epsilon_high"), ("grpo", "delta"), ("live", "max_turns")),
)


@dataclass(frozen=True, slots=True)
class Imported:
    """The TOML, and a line about each key that it has as a comment only."""

    text: str
    notes: tuple[str, ...]
    profiles: tuple[str, ...]


@dataclass(slots=True)
class _Section:
    """What became of one section."""

    name: str
    values: dict[Place, object] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    keys: dict[Place, str] = field(default_factory=dict)
    """By which key each value was given."""


def read_ini(path: Path, *, stage: Stage | None = None) -> Imported:
    """Read an INI file; DataFileError names section and key of what cannot be read."""
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"), default_section=f"\0{DEFAULTSECT}")
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source=str(path))
    except (OSError, ValueError, IniError) as error:
        told = " ".join(str(error).split())
        raise DataFileError(f"{path}: cannot be read: {told}") from None
    if not any(parser[name] for name in parser.sections()):
        raise DataFileError(f"{path}: holds no settings; give a file with sections such as [default]")
    given = {name: dict(parser[name]) for name in parser.sections()}
    stage = stage or ("grpo" if any(key in _GRPO for keys in given.values() for key in keys) else "sft")
    notes: list[str] = []
    base = {key: text for name in BASE for key, text in given.pop(name, {}).items()}
    sections = [_section(path, name, keys, stage, notes) for name, keys in {BASE[-1]: base, **given}.items()]
    text = _written(path, stage, sections)
    profiles = tuple(parse_recipe_file(text, str(path)).profiles)
    for profile in (None, *profiles):  # what is written can be read
        settle(file=parse_recipe_file(text, str(path)), profile=profile)
    return Imported(text, tuple(notes), profiles)


def _section(path: Path, name: str, keys: dict[str, str], stage: Stage, notes: list[str]) -> _Section:
    made = _Section(name)
    for key, text in keys.items():
        plain = key.replace("-", "_")
        where = f"{path}: [{name}] {key}"
        known = _KEYS.get(plain) or (_GRPO.get(plain) if stage == "grpo" else None)
        if known is None:
            told = (
                f"is for --stage {_other(stage)}"
                if plain in _GRPO
                else _WHY.get(plain, "no key of a recipe is like it")
            )
            notes.append(f"{where}: {told}; kept as a comment")
            shown = "(a secret, left out)" if _SECRET.search(plain) else text
            made.comments.append(comment(f"{key} = {shown}  ({told})"))
            continue
        place, read = known
        value = _value(read, text, where)
        if value is None and place in _MAY_BE_NOTHING:
            value = NOTHING
        if value is None:
            made.comments.append(comment(f"{key} = {text}  (which says nothing)"))
        else:
            _take(made, place, value, where, key, stage)
    _settle_numbers(path, made)
    if made.values.get(("lora",)) == NOTHING:
        made.values = {place: value for place, value in made.values.items() if place[0] != "lora" or len(place) == 1}
    elif ("lora",) in made.values:
        del made.values["lora",]
        made.values.setdefault(("lora", "rank"), 16)
    return made


def _take(made: _Section, place: Place, value: object, where: str, key: str, stage: Stage) -> None:
    """Put a value in its place, where it must hold alone too; two keys for one place must agree."""
    if place in made.values and made.values[place] != value:
        raise DataFileError(f"{where}: {value!r}, but {made.keys[place]} says {made.values[place]!r}; keep one of them")
    made.values[place], made.keys[place] = value, key
    if place[0] not in (_BF16, _FP16):
        settle(stage, changes=[Change(place, value, where)])


def _value(read: Read, text: str, where: str) -> object:
    if text.strip().lower() in _NONE:
        return None
    try:
        return read(text.strip())
    except ValueError as error:
        raise DataFileError(f"{where}: {error}") from None


_BF16, _FP16 = "(bf16)", "(fp16)"
"""Places of no recipe: two switches become one key."""


def _settle_numbers(path: Path, made: _Section) -> None:
    bf16, fp16 = made.values.pop((_BF16,), None), made.values.pop((_FP16,), None)
    if bf16 and fp16:
        raise DataFileError(f"{path}: [{made.name}] bf16 and fp16 are both on; keep one of them")
    if bf16 or fp16:
        made.values.setdefault(("numbers",), "bfloat16" if bf16 else "float16")
    elif bf16 is False and fp16 is False:
        made.values.setdefault(("numbers",), "float32")


def _written(path: Path, stage: Stage, sections: list[_Section]) -> str:
    lines = [
        comment(f"Made of {path.name} by `agentgym train recipe --from-ini`."),
        "# What a profile does not say is as it stands above the profiles.",
        "",
        f"stage = {toml_value(stage)}",
    ]
    base, *profiles = sections
    lines += _lines(base)
    for section in profiles:
        lines += ["", f"[profiles.{toml_place((section.name,))}]", *_lines(section)]
    return "\n".join(lines) + "\n"


def _lines(section: _Section) -> Iterator[str]:
    yield from (f"{toml_place(place)} = {toml_value(value)}" for place, value in section.values.items())
    yield from section.comments


def _other(stage: Stage) -> Stage:
    return "grpo" if stage == "sft" else "sft"


def _whole(text: str) -> int:
    number = _number(text)
    if number != int(number):
        raise ValueError(f"{text!r} is not a whole number")
    return int(number)


def _number(text: str) -> float:
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise ValueError(f"{text!r} is not a number")
    return number


def _steps(text: str) -> int | None:
    """Of transformers, -1 and 0 stand for none."""
    steps = _whole(text)
    return None if steps in (-1, 0) else steps


def _switch(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in _YES


def _switch_or_auto(text: str) -> bool | None:
    return None if text.lower() == "auto" else _switch(text)


def _checkpointing(text: str) -> bool:
    """Unsloth has a way of its own, which is on."""
    return True if text.strip("\"'").lower() == "unsloth" else _switch(text)


def _four_bit(text: str) -> str:
    return "4bit" if _switch(text) else "none"


def _with_lora(text: str) -> object:
    """On, the table must be there."""
    return {} if _switch(text) else NOTHING


def _text(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _modules(text: str) -> object:
    if _text(text) == "all-linear":
        return "all-linear"
    try:
        names = parse_json(text.replace("'", '"'))
    except ValueError:
        names = [name.strip() for name in text.split(",")]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{text!r} is no list of names, such as q_proj,v_proj")
    return names


def _schedule(text: str) -> str:
    name = _text(text).lower()
    plain = {"constant_with_warmup": "constant"}.get(name, name)
    if plain not in ("constant", "linear", "cosine"):
        raise ValueError(f"{text!r} is none of: constant, linear, cosine")
    return plain


def _loss(text: str) -> str:
    name = _text(text).lower()
    if name not in ("grpo", "dr_grpo", "dapo", "gspo"):
        raise ValueError(f"{text!r} is none of: grpo, dr_grpo, dapo, gspo")
    return name


def _advantages(text: str) -> str:
    name = _text(text).lower()
    plain = {"true": "group", "false": "none"}.get(name, name)
    if plain not in ("group", "batch", "none", "leave-one-out"):
        raise ValueError(f"{text!r} is none of: group, batch, none, leave-one-out")
    return plain


def _named(place: Place, read: Read, *names: str) -> dict[str, tuple[Place, Read]]:
    return dict.fromkeys(names, (place, read))


_KEYS: dict[str, tuple[Place, Read]] = {
    **_named(("model",), _text, "model", "model_name", "model_name_or_path", "base_model", "model_id", "model_path"),
    **_named(("tokenizer",), _text, "tokenizer", "tokenizer_name", "tokenizer_name_or_path"),
    **_named(("output_dir",), _text, "output_dir", "output_path"),
    **_named(("log_dir",), _text, "log_dir", "logging_dir"),
    **_named(("run_name",), _text, "run_name"),
    **_named(("seed",), _whole, "seed", "random_seed", "random_state"),
    **_named(("epochs",), _number, "epochs", "num_epochs", "num_train_epochs"),
    **_named(("max_steps",), _steps, "max_steps"),
    **_named(
        ("batch_size",), _whole, "batch_size", "train_batch_size", "per_device_train_batch_size", "micro_batch_size"
    ),
    **_named(("accumulation",), _whole, "gradient_accumulation_steps", "gradient_accumulation", "grad_accum_steps"),
    **_named(("gradient_checkpointing",), _checkpointing, "gradient_checkpointing", "use_gradient_checkpointing"),
    **_named(("quantization",), _four_bit, "load_in_4bit", "use_4bit", "use_qlora"),
    **_named(("attention",), _text, "attn_implementation", "attention"),
    **_named(("use_vllm",), _switch, "use_vllm"),
    **_named(("save_steps",), _steps, "save_steps"),
    **_named(("keep_checkpoints",), _whole, "save_total_limit"),
    **_named(("log_steps",), _whole, "logging_steps", "log_steps"),
    **_named(("validate_steps",), _steps, "eval_steps", "validate_steps"),
    **_named((_BF16,), _switch_or_auto, "bf16", "use_bf16"),
    **_named((_FP16,), _switch_or_auto, "fp16", "use_fp16"),
    **_named(("data", "max_length"), _whole, "max_seq_length", "max_length", "max_seq_len", "seq_length", "cutoff_len"),
    **_named(("data", "validation_share"), _number, "validation_share", "validation_split", "val_split", "eval_split"),
    **_named(("data", "test_share"), _number, "test_share", "test_split"),
    **_named(("optimizer", "learning_rate"), _number, "learning_rate", "lr"),
    **_named(("optimizer", "schedule"), _schedule, "lr_scheduler_type", "lr_scheduler", "scheduler"),
    **_named(("optimizer", "warmup_steps"), _whole, "warmup_steps", "num_warmup_steps"),
    **_named(("optimizer", "weight_decay"), _number, "weight_decay"),
    **_named(("optimizer", "max_grad_norm"), _number, "max_grad_norm", "gradient_clipping"),
    **_named(("lora",), _with_lora, "use_lora", "use_peft"),
    **_named(("lora", "rank"), _whole, "lora_r", "lora_rank", "r", "rank"),
    **_named(("lora", "alpha"), _whole, "lora_alpha"),
    **_named(("lora", "dropout"), _number, "lora_dropout"),
    **_named(("lora", "target_modules"), _modules, "target_modules", "lora_target_modules"),
}
"""By the spellings of transformers, TRL and Unsloth."""
_GRPO: dict[str, tuple[Place, Read]] = {
    **_named(("grpo", "loss"), _loss, "loss_type"),
    **_named(("grpo", "advantages"), _advantages, "scale_rewards"),
    **_named(("grpo", "beta"), _number, "beta", "kl_coef", "kl_beta"),
    **_named(("grpo", "epsilon"), _number, "epsilon", "cliprange", "clip_range"),
    **_named(("grpo", "epsilon_high"), _number, "epsilon_high"),
    **_named(("grpo", "delta"), _number, "delta"),
    **_named(("grpo", "iterations"), _whole, "num_iterations", "ppo_epochs"),
    **_named(("live", "group_size"), _whole, "num_generations", "group_size"),
    **_named(("live", "temperature"), _number, "temperature"),
    **_named(("live", "top_p"), _number, "top_p"),
    **_named(("live", "max_tokens"), _whole, "max_completion_length", "max_new_tokens", "max_response_length"),
    **_named(("live", "max_turns"), _whole, "max_turns"),
    **_named(("live", "environment"), _text, "environment"),
}
_WHY = {
    "warmup_ratio": "steps are given, not a share: optimizer.warmup_steps",
    "max_prompt_length": "rows are bounded as a whole: data.max_length",
    "load_in_8bit": "weights are in 4 bit or whole: quantization",
    "optim": "AdamW always",
    "packing": "rows are never packed",
    "report_to": "figures are in training_log/",
    "eval_strategy": "whenever validate_steps is given",
    "evaluation_strategy": "whenever validate_steps is given",
    "save_strategy": "by steps, where save_steps is given",
}
