"""A recipe: everything that decides what a training does, as one model that a TOML file or flags fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agentgym.episode import Outcome
from trainers.advantages import Scale

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastZero = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


def _folder_name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise ValueError(f"{name!r} is no name of a folder: it has no slash, and no dot in front")
    return name


FolderName = Annotated[str, AfterValidator(_folder_name)]

Stage = Literal["sft", "grpo"]
Backend = Literal["trl", "torch"]
Numbers = Literal["auto", "float32", "bfloat16", "float16"]
LossName = Literal["grpo", "dr_grpo", "dapo", "gspo"]
Schedule = Literal["constant", "linear", "cosine"]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class _Part(BaseModel):
    """A table of a recipe; frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class LoraSettings(_Part):
    """An adapter in place of all weights."""

    rank: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    target_modules: tuple[str, ...] | Literal["all-linear"] = PROJECTIONS
    new_tokens: Literal["rows", "embeddings"] = "rows"
    """Of added tokens, what trains: their own rows alone, or all embeddings, tied as they were."""
    tokens: tuple[str, ...] | None = None
    """The added tokens; None: those the tokenizer is marked with, or has beyond the model's own. None at all: ()."""


class OptimizerSettings(_Part):
    """AdamW, and how its learning rate goes."""

    learning_rate: Positive = 1e-4
    schedule: Schedule = "cosine"
    warmup_steps: Amount = 0
    weight_decay: AtLeastZero = 0.0
    max_grad_norm: AtLeastZero = 1.0
    """0: gradients are not clipped."""


class DataSettings(_Part):
    """What of the recorded episodes and files is learnt from."""

    sources: tuple[Path, ...] = ()
    """Run directories, files of dialogues, files of token rows."""
    validation: tuple[Path, ...] = ()
    """The same, to be validated with; without any, a share of the sources is held out."""
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    test_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Held out too, and never read while training: what `agentgym train data --split` with the same seed calls test."""
    split_by: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    suites: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    min_reward: float | None = None
    max_reward: float | None = None
    distinct: bool = False
    max_length: Count | None = None
    """Longer rows are left out, and how many is told; none is cut."""

    @model_validator(mode="after")
    def _leave_some(self) -> Self:
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                "validation_share and test_share leave nothing to train on; make them less than 1 together"
            )
        return self


class GrpoSettings(_Part):
    """How a policy is changed by the rewards of its rollouts."""

    loss: LossName = "dapo"
    advantages: Scale = "group"
    reward_weights: dict[str, float] = Field(default_factory=dict)
    """Of the terms of a reward, by name; empty: the reward as it was recorded."""
    epsilon: Positive = 0.2
    epsilon_high: Positive | None = 0.28
    """Where the ratio is clipped above; None: as below."""
    delta: Positive | None = 4.0
    """The second side of the clip, for negative advantages: old log-probabilities may be far off."""
    beta: AtLeastZero = 0.0
    """The weight of the distance from the model that training began with."""
    iterations: Count = 1
    """How often the rows of a step are gone over."""
    rows_per_update: Count | None = None
    """How many rows an optimizer step takes; None: all of the step."""
    max_staleness: Amount | None = None
    """Recorded only: the most updates that weights may be ahead of those that sampled; None: any, and it is told."""
    max_drift: Positive | None = 1.0
    """Recorded only: rows whose mean distance between recorded and present log-probabilities is larger are left out."""
    groups_per_step: Count = 8
    """Recorded and live: groups that an update step learns from."""


class LiveSettings(_Part):
    """The rollouts that are made while training."""

    environment: str = ""
    """An id that `agentgym envs` lists, or path/to/file.py:Class."""
    settings: dict[str, object] = Field(default_factory=dict)
    """Of the environment."""
    tasks: Path | None = None
    """A file of tasks; None: the environment's own."""
    split: str | None = None
    """Of the environment's own tasks, where it has splits."""
    group_size: Annotated[int, Field(ge=2)] = 8
    temperature: Positive = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Count = 512
    """Of one reply."""
    max_turns: Count | None = None
    concurrency: Count = 256
    tool_timeout_s: Positive = 30.0
    episode_timeout_s: Positive = 600.0
    base_url: str | None = None
    """A server whose weights are reloaded, such as vLLM's; None: the engine in this process."""


class GateSettings(_Part):
    """What a start must show before GRPO, or it is refused."""

    min_spread: Share = 0.1
    """The least share of groups whose rewards differ."""
    max_entropy: Share = 0.5
    """The most entropy of the sampled tokens, as a share of that of pure chance."""
    groups: Count = 8
    """How many groups are looked at."""


class Recipe(_Part):
    """Everything that decides what a training does."""

    stage: Stage
    model: str = ""
    """A checkpoint's folder, or a name that transformers finds in its cache or on the hub."""
    tokenizer: str | None = None
    """Another folder than the model's."""
    output_dir: Path = Path("outputs")
    log_dir: Path = Path("training_log")
    run_name: FolderName | None = None
    """The folder in `log_dir`; None: by the stage and the time."""
    backend: Backend = "trl"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 3407
    """As numpy bounds it, which trl seeds too."""
    epochs: Positive = 1.0
    max_steps: Count | None = None
    """Updates; it wins over epochs."""
    batch_size: Count = 1
    """Rows that are computed together."""
    accumulation: Count = 1
    """Batches to an update."""
    numbers: Numbers = "auto"
    """auto: bfloat16 where the device is at home in it, else float32."""
    gradient_checkpointing: bool = False
    quantization: Literal["none", "4bit"] = "none"
    attention: str | None = None
    """As transformers names it; None: as transformers chooses."""
    use_vllm: bool = False
    """Live rollouts by TRL's own vLLM; needs a GPU."""
    save_steps: Count | None = None
    """An update count between checkpoints; None: at the end only."""
    keep_checkpoints: Count = 2
    log_steps: Count = 1
    validate_steps: Count | None = None
    merge: bool = True
    """Also write `merged_model`, where an adapter was trained."""
    data: DataSettings = DataSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    lora: LoraSettings | None = None
    grpo: GrpoSettings = GrpoSettings()
    live: LiveSettings | None = None
    """Without it, GRPO learns from what is recorded."""
    gate: GateSettings = GateSettings()
