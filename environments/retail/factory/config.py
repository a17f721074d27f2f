"""The settings of the task factory: flag, then environment variable, then TOML file, then default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)

from agentgym.cli.settings import read_toml
from agentgym.errors import DataFileError, UsageError, did_you_mean, one_line
from environments.retail.world.wish import SCENARIOS

TABLE = "tasks"
"""Of the TOML file."""
SECRETS = ("default_api_key", "user_api_key")
_ADDRESSES = ("default_base_url", "user_base_url")
MASK = "********"
NO_KEY = "EMPTY"
"""What an endpoint is given that asks for no key; it is no secret."""
_VARIABLES = {"default_api_key": "OPENAI_API_KEY", "default_base_url": "OPENAI_BASE_URL"}
"""Of settings that have another than AGENTGYM_ITS_NAME."""

Source = Literal["flag", "environment", "file", "default"]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]


def _listed(value: object) -> object:
    """Names that commas part, as a variable has them."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class TauBenchConfig(BaseModel):
    """What the factory goes by; to be changed until it is used.

    What is not given comes from the environment's variables, or else is as by default; `TauBenchConfig.load` reads a
    file too.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False, hide_input_in_errors=True)

    envs_path: str = "envs/retail"
    """The shop's data; where this default does not exist, our own world plays."""
    user_model: str = "gpt-4o"
    """Who plays the customer."""
    user_base_url: str = "https://api.openai.com/v1"
    user_api_key: SecretStr | None = None
    default_model: str = "vllm-a40-gpt-oss-120b"
    """Who does everything else."""
    default_base_url: str | None = None
    default_api_key: SecretStr | None = None
    num_tasks: Count = 10
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Count = 16384
    max_retries: Annotated[int, Field(ge=0)] = 3
    timeout: Seconds = 180
    """Of one model call."""
    test_timeout: Seconds = 180
    """Of one episode of a test."""
    max_workers: Count = 2
    """Episodes, or tasks in the making, at a time."""
    output_dir: str = "tau_bench_results"
    save_visualizations: bool = True
    min_success_rate: Share = 0.7
    min_action_recall: Share = 0.6
    min_action_precision: Share = 0.6
    scenario_keys: Annotated[tuple[str, ...], BeforeValidator(_listed)] = SCENARIOS
    """What tasks are about, in the order in which ties are settled."""

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _in_use: bool = PrivateAttr(default=False)

    def __init__(self, **given: Any) -> None:
        from_environment = _from_environment(os.environ)
        super().__init__(**{**from_environment, **given})
        self._sources = {**dict.fromkeys(from_environment, "environment"), **dict.fromkeys(given, "flag")}

    @classmethod
    def load(cls, file: str | Path | None = None, **flags: Any) -> Self:
        """The settings of a file's table [tasks], with those of the environment, and flags, before them.

        A flag that is None was not given. Wrong ones are told in one line.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        from_file = {} if file is None else _from_file(Path(file))
        from_environment = _from_environment(os.environ)
        held = {name: value for name, value in from_file.items() if name not in from_environment}
        try:
            config = cls(**{**held, **given})
        except ValidationError as error:
            raise UsageError(_told(error)) from None
        for name in held.keys() - given.keys():
            config._sources[name] = "file"
        return config

    def source(self, name: str) -> Source:
        """Where the value of a setting comes from."""
        return self._sources.get(name, "default")

    def shown(self) -> dict[str, Any]:
        """All settings as they may be printed and written: of a secret only whether there is one."""
        addresses = {name: _without_query(getattr(self, name)) for name in _ADDRESSES}
        return {**self.model_dump(mode="json"), **addresses, **{name: _masked(getattr(self, name)) for name in SECRETS}}

    def secret(self, name: str) -> str | None:
        """A secret in full, for whoever makes a policy of it."""
        held: SecretStr | None = getattr(self, name)
        return None if held is None else held.get_secret_value()

    def use(self) -> Self:
        """Begin to go by it: from now on it stays as it is."""
        self._in_use = True
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).model_fields:
            if self._in_use:
                raise UsageError(f"{name}: the settings are in use; change a copy: config.model_copy()")
            super().__setattr__(name, value)
            self._sources[name] = "flag"
        else:
            super().__setattr__(name, value)

    def __copy__(self) -> Self:
        """A copy that is not in use."""
        twin = super().__copy__()
        twin._in_use = False
        twin._sources = dict(self._sources)
        return twin

    @field_validator("scenario_keys")
    @classmethod
    def _known(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if key not in SCENARIOS:
                raise ValueError(f"no scenario {key!r}; {did_you_mean(key, SCENARIOS)}")
        if not keys or len(set(keys)) < len(keys):
            raise ValueError("name at least one scenario, and each once")
        return keys

    @field_validator(*_ADDRESSES)
    @classmethod
    def _without_secret(cls, url: str | None) -> str | None:
        if url is not None and "@" in url:
            raise ValueError("the address holds a user name or a password; give the key by itself")
        return url


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _VARIABLES.get(name, f"AGENTGYM_{name.upper()}")


def _from_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What variables say; an empty one says nothing."""
    named = {name: variables.get(variable(name), "") for name in TauBenchConfig.model_fields}
    return {name: value for name, value in named.items() if value}


def _from_file(path: Path) -> dict[str, Any]:
    tables = read_toml(path)
    for name in tables:
        if name not in (TABLE, "bench", "policy"):  # one file may serve several commands
            raise DataFileError(f"{path}: no table [{name}] is known here; write them under [{TABLE}]")
    held = {key.replace("-", "_"): value for key, value in tables.get(TABLE, {}).items()}
    for name in held:
        if name in SECRETS:
            raise DataFileError(f"{path}: {name}: a secret comes from the environment or a flag, never from a file")
        if name not in TauBenchConfig.model_fields:
            raise DataFileError(f"{path}: no setting {name!r}; {did_you_mean(name, TauBenchConfig.model_fields)}")
    return held


def _told(error: ValidationError) -> str:
    """One line that names each setting at fault, and no secret."""
    for details in error.errors():
        name = details["loc"][0] if details["loc"] else ""
        if name in SECRETS:
            return "a key is no text; give it as OPENAI_API_KEY or AGENTGYM_USER_API_KEY"
        if name in _ADDRESSES:  # what was given may hold a password
            return f"{name}: {details['msg'].removeprefix('Value error, ')}"
    return one_line(error)


def _without_query(url: str | None) -> str | None:
    """An address as it may be shown: some endpoints take their key in its query."""
    place, mark, _ = (url or "").partition("?")
    return f"{place}?{MASK}" if mark else url


def _masked(held: SecretStr | None) -> str | None:
    if held is None or held.get_secret_value() == NO_KEY:
        return None if held is None else NO_KEY
    return MASK
