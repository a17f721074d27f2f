"""Files that grow are handed to the disk while a run goes on, and who writes learns where that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from agentgym import appendfile
from agentgym.appendfile import AppendFile, kept_synced
from agentgym.errors import StoreError

PATIENCE_S = 20.0


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[AppendFile, AppendFile]:
    monkeypatch.setattr(appendfile, "SYNC_S", 0.001)
    return AppendFile(tmp_path / "often"), AppendFile(tmp_path / "rarely")


def test_what_is_written_reaches_the_disk_and_the_thread_ends(
    files: tuple[AppendFile, AppendFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = {os.stat(file.path).st_ino: Event() for file in files}
    monkeypatch.setattr(appendfile, "_to_disk", lambda file: reached[os.fstat(file).st_ino].set())
    before = set(enumerate_threads())
    with kept_synced(*files):
        for file in files:
            file.write(b"a line\n")
            assert reached[os.stat(file.path).st_ino].wait(PATIENCE_S)
    assert not set(enumerate_threads()) - before
    for file in files:
        file.close()


def test_a_disk_that_fails_is_told_to_who_writes_next(
    files: tuple[AppendFile, AppendFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Event()

    def fail(file: int) -> None:
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(appendfile, "_to_disk", fail)
    often, _ = files
    with kept_synced(*files):
        often.write(b"a line\n")
        assert failed.wait(PATIENCE_S)
    with pytest.raises(StoreError, match="Input/output error; mend that, then go on with: agentgym resume"):
        often.write(b"another\n")
    assert often.path.read_bytes() == b"a line\n"
    with pytest.raises(StoreError, match="Input/output error"):
        often.close()
