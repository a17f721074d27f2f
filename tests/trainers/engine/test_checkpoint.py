"""Folders that hold a checkpoint, and such as do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agentgym.errors import UsageError
from tests.trainers.engine.tiny import fresh, player, save
from trainers.engine.checkpoint import fingerprint, load_checkpoint
from trainers.engine.device import Device

torch: Any = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(player(), tmp_path / "copy"))


def test_a_folder_is_read_with_what_ends_an_answer(folder: Path) -> None:
    read = load_checkpoint(folder)
    assert read.context_length == 1024
    assert read.end_ids == {read.tokenizer.eos_token_id}
    assert read.version == fingerprint(player())
    assert load_checkpoint(folder, max_length=100).context_length == 100


def test_the_version_tells_weights_apart(folder: Path, tmp_path: Path) -> None:
    read = load_checkpoint(folder)
    with torch.no_grad():
        read.model.model.norm.weight[0] += 1e-3
    save(folder, read.model, read.tokenizer)
    assert fingerprint(folder) != read.version


def test_the_device_and_the_numbers_are_chosen(folder: Path) -> None:
    assert load_checkpoint(folder).model.dtype == (torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    assert load_checkpoint(folder, device=Device(name="cpu", dtype="bfloat16")).model.dtype == torch.bfloat16
    for device in ("cuda:99", "abacus", "meta:x"):
        with pytest.raises(UsageError, match="cannot be used"):
            load_checkpoint(folder, device=Device(name=device))
    with pytest.raises(UsageError, match="none of"):
        Device(dtype="int4")


def test_what_is_no_checkpoint_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no config\.json"):
        load_checkpoint(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="agentgym model merge"):
        load_checkpoint(tmp_path)
    (folder / "model.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_checkpoint(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="no weights"):
        load_checkpoint(folder)


def test_a_length_beyond_the_models_own_is_refused(folder: Path) -> None:
    for length in (1, 1025):
        with pytest.raises(UsageError, match="longest text"):
            load_checkpoint(folder, max_length=length)


def test_a_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    tokenizer = load_checkpoint(folder).tokenizer
    save(folder, fresh(tokenizer, seed=0, vocab_size=len(tokenizer) - 5), tokenizer)
    with pytest.raises(UsageError, match="do not belong together"):
        load_checkpoint(folder)


def test_an_unknown_kind_of_model_is_told(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "abacus"}))
    with pytest.raises(UsageError, match="abacus"):
        load_checkpoint(folder)
