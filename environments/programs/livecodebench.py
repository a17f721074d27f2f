"""Rows of LiveCodeBench (`lcb_runner/benchmarks/code_generation.py`) as problems."""

from __future__ import annotations

import base64
import io
import pickle
import zlib
from collections.abc import Mapping
from typing import NoReturn

from pydantic import JsonValue, ValidationError

from agentgym.errors import DataFileError, boundary, one_line
from agentgym.jsontext import parse_json
from environments.programs.problem import Case, Problem
from environments.programs.records import case_of

LARGEST_UNPACKED = 1 << 30
"""Bytes of unpacked cases, so that a small file cannot fill the memory."""
_READ = {"question_content", "question_id", "starter_code", "difficulty", "public_test_cases", "private_test_cases"}


def is_livecodebench(row: Mapping[str, JsonValue]) -> bool:
    """Whether a row has the form of LiveCodeBench."""
    return "public_test_cases" in row or "private_test_cases" in row


def of_livecodebench(row: Mapping[str, JsonValue]) -> Problem:
    """The problem of a row: public cases visible, private ones hidden. ValueError: code and cause."""
    fn_name = _fn_name(row)
    public = _cases(row, "public_test_cases", fn_name)
    private = _cases(row, "private_test_cases", fn_name)
    if not public and not private:
        raise ValueError("NO_TESTS: holds neither public nor private cases")
    kept: dict[str, object] = {
        key: value for key, value in row.items() if key not in _READ and key not in Problem.model_fields
    }
    try:
        return Problem.model_validate(
            kept
            | {
                "query_id": _needed(row, "question_id"),
                "question": _needed(row, "question_content"),
                "difficulty": row.get("difficulty") or "",
                "fn_name": fn_name,
                "starter": row.get("starter_code") or "",
                "checker": "lcb",
                "visible": public,
                "hidden": private or public,
            }
        )
    except ValidationError as error:
        raise ValueError(f"BAD_ROW: {one_line(error)}") from None


def unpacked(text: str) -> str:
    """The JSON text in a private field: base64 of zlib of a pickle that holds one text and may name nothing else."""
    data = zlib.decompressobj()
    with boundary(DataFileError, "not base64 of zlib of a pickled text"):
        plain = data.decompress(base64.b64decode(text.encode(), validate=True), LARGEST_UNPACKED)
        if data.unconsumed_tail:
            raise DataFileError(f"unpacks to more than {LARGEST_UNPACKED} bytes")
        if not data.eof:
            raise DataFileError("the packed cases are cut off; fetch the file again")
        held = _TextOnly(io.BytesIO(plain)).load()
    if not isinstance(held, str):
        raise DataFileError(f"the pickle holds {type(held).__name__}, not a text")
    return held


class _TextOnly(pickle.Unpickler):
    """Loads plain values and nothing that could run code."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise DataFileError(f"the pickle wants {module}.{name}, which could run code; only a text is read")

    def persistent_load(self, name: object) -> NoReturn:
        raise DataFileError("the pickle refers to something outside itself; only a text is read")


def _fn_name(row: Mapping[str, JsonValue]) -> str | None:
    metadata = row.get("metadata")
    if isinstance(metadata, str) and metadata:
        try:
            metadata = parse_json(metadata)
        except ValueError as error:
            raise ValueError(f"BAD_JSON: metadata: {error}") from None
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    if name is not None and not isinstance(name, str):
        raise ValueError("BAD_ROW: metadata.func_name is a text")
    return name or None


def _cases(row: Mapping[str, JsonValue], key: str, fn_name: str | None) -> list[Case]:
    field = row.get(key)
    if field is None or field == "":
        return []
    try:
        listed = _listed(field)
    except ValueError as error:
        raise ValueError(f"BAD_JSON: {key}: {error}") from None
    if not isinstance(listed, list):
        raise ValueError(f"BAD_JSON: {key} is a list of cases")
    return [_case(item, key, fn_name) for item in listed]


def _listed(field: JsonValue) -> JsonValue:
    if not isinstance(field, str):
        return field
    text = field if field.lstrip().startswith("[") else unpacked(field)
    return parse_json(text)


def _case(item: JsonValue, key: str, fn_name: str | None) -> Case:
    if not isinstance(item, dict) or "input" not in item or "output" not in item:
        raise ValueError(f"BAD_CASE: a case in {key} is an object with input, output and testtype")
    kind = item.get("testtype", "functional" if fn_name else "stdin")
    if kind != ("functional" if fn_name else "stdin"):
        raise ValueError(f"BAD_CASE: testtype {kind!r} in {key}: functional cases need metadata.func_name, stdin none")
    return case_of(item["input"], item["output"], fn_name)


def _needed(row: Mapping[str, JsonValue], key: str) -> str:
    found = row.get(key)
    if not isinstance(found, str) or not found:
        raise ValueError(f"BAD_ROW: needs `{key}`, a text")
    return found
