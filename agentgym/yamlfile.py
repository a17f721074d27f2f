"""YAML files as JSON values; a JSON file is YAML too."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from agentgym.errors import DataFileError, one_line


def read_yaml(path: str | Path) -> JsonValue:
    """What a file holds; DataFileError where it cannot be read, or holds what JSON cannot."""
    import yaml  # not above: few commands read any

    try:
        held = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
        value: JsonValue = TypeAdapter[JsonValue](JsonValue).validate_python(held)
    except ValidationError as error:
        raise DataFileError(f"{path}: holds what JSON has no word for: {one_line(error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path}: cannot be read: {error}; give a YAML file") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataFileError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return value
