"""The sampler as async code sees it: from any event loop, any number of requests at once."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.to_thread

from agentgym.errors import UsageError
from agentgym.limits import running_asyncio_loop
from trainers.engine.checkpoint import (
    Checkpoint,
    check_folder,
    checkpoint_of,
    fingerprint,
    load_checkpoint,
    load_model,
    load_weights,
)
from trainers.engine.device import Device
from trainers.engine.row import Job
from trainers.engine.sample import COLDEST, Piece, Sample, SampleRequest
from trainers.engine.text import Words
from trainers.engine.worker import Worker

MOST_ROWS = 128


@dataclass(frozen=True, slots=True)
class Load:
    """What the engine is at."""

    running: int
    waiting: int


class Engine:
    """Samples from one checkpoint in a thread of its own; requests that come together share the model's steps.

    It is made by `Engine.load(DIR)` or, of a model that is in memory already, by `Engine.of(model, tokenizer)`.
    """

    def __init__(self, checkpoint: Checkpoint, *, most_rows: int = MOST_ROWS) -> None:
        if most_rows < 1:
            raise UsageError(f"most_rows={most_rows!r}: give a whole number of at least 1")
        self.checkpoint = checkpoint
        self._worker = Worker(checkpoint, most_rows=most_rows)
        self._reloads = 0

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: Device | None = None,
        max_length: int | None = None,
        most_rows: int = MOST_ROWS,
    ) -> Self:
        """Read a checkpoint; it takes seconds, so call it from a worker thread where a loop runs."""
        return cls(load_checkpoint(folder, device=device, max_length=max_length), most_rows=most_rows)

    @classmethod
    def of(
        cls,
        model: Any,
        tokenizer: Any,
        *,
        version: str = "0",
        max_length: int | None = None,
        most_rows: int = MOST_ROWS,
    ) -> Self:
        """Sample from a model somebody else holds, and may train while nothing is asked."""
        return cls(checkpoint_of(model, tokenizer, version=version, max_length=max_length), most_rows=most_rows)

    @property
    def version(self) -> str:
        """Of the weights that answer new requests."""
        return self._worker.version

    @property
    def load_now(self) -> Load:
        """How many choices are sampled now, and how many wait."""
        return Load(*self._worker.load)

    async def sample(self, request: SampleRequest) -> tuple[Sample, ...]:
        """All choices of a request; cancelled, it leaves the batch. PolicyFault where the model broke."""
        done, soon = anyio.Event(), _soon()
        job = self._job(request, lambda job: soon(done.set) if job.done else None, streams=False)
        self._worker.submit(job)
        try:
            await done.wait()
        finally:
            job.abandoned = True
        if job.fault is not None:
            raise job.fault
        return tuple(sample for sample in job.samples if sample is not None)

    async def stream(self, request: SampleRequest) -> AsyncGenerator[Piece]:
        """The choices of a request while they come, piece by piece; close it to leave the batch."""
        send, receive = anyio.create_memory_object_stream[None](math.inf)
        soon = _soon()
        job = self._job(request, lambda job: soon(partial(_ring, send)), streams=True)
        self._worker.submit(job)
        told = 0
        try:
            with send, receive:
                while not (job.done and told == len(job.pieces)):
                    await receive.receive()
                    while told < len(job.pieces):
                        yield job.pieces[told]
                        told += 1
        finally:
            job.abandoned = True
        if job.fault is not None:
            raise job.fault

    async def reload(self, weights: str | Path | Mapping[str, Any] | None = None, *, version: str | None = None) -> str:
        """Change the weights between requests, and give the new version.

        Requests under way end with the weights they began with; new ones wait. Weights are a checkpoint's folder, a
        state dict, or None, where the model's own tensors were changed in place.
        """
        self._reloads += 1
        named = version or f"update-{self._reloads}"
        if isinstance(weights, (str, Path)):
            place = Path(weights)
            check_folder(place)
            change = partial(self._from_folder, place, version)
        else:
            change = partial(self._from_tensors, weights, named)
        return await anyio.to_thread.run_sync(self._worker.change(change).result, abandon_on_cancel=True)

    async def aclose(self) -> None:
        """End the thread; whoever still waits is told."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._worker.close)

    def close(self) -> None:
        """The same without a loop."""
        self._worker.close()

    def _job(self, request: SampleRequest, deliver: Callable[[Job], None], *, streams: bool) -> Job:
        self.check(request)
        words = Words(self.checkpoint.tokenizer, self.checkpoint.hidden_ids, request.skip_special_tokens)
        return Job(request, words, deliver, streams=streams)

    def check(self, request: SampleRequest) -> None:
        """UsageError where the model cannot do what is asked."""
        known, longest = self.checkpoint.vocabulary, self.checkpoint.context_length
        ids = request.prompt_ids
        if not ids:
            raise UsageError("the prompt is empty; give one token at least")
        if not 0 <= min(ids) <= max(ids) < known:
            raise UsageError(f"the prompt holds a token that the model does not know: its ids are 0 to {known - 1}")
        if longest is not None and len(ids) + request.max_tokens > longest:
            raise UsageError(f"{len(ids)} + {request.max_tokens} tokens are more than the model's {longest}")
        if request.max_tokens < 1 or request.n < 1:
            raise UsageError("max_tokens and n are whole numbers of at least 1")
        if request.temperature and not COLDEST <= request.temperature < math.inf:
            raise UsageError(f"temperature={request.temperature!r}: give 0, or a number of at least {COLDEST}")
        if not 0 < request.top_p <= 1:
            raise UsageError(f"top_p={request.top_p!r}: give a number above 0 and of at most 1")

    def _from_folder(self, place: Path, version: str | None) -> str:
        model = self.checkpoint.model
        weight = model.get_input_embeddings().weight
        read = load_model(place, Device(name=str(weight.device), dtype=str(weight.dtype).rpartition(".")[2]))
        load_weights(model, read.state_dict())
        return version or fingerprint(place)

    def _from_tensors(self, weights: Mapping[str, Any] | None, version: str) -> str:
        if weights is not None:
            load_weights(self.checkpoint.model, weights)
        self.checkpoint.model.eval()
        return version


def _ring(send: Any) -> None:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
        send.send_nowait(None)


def _soon() -> Callable[[Callable[[], object]], None]:
    """Calls a function in the loop that runs now, from any thread."""
    loop = running_asyncio_loop()
    if loop is not None:
        run: Callable[..., object] = loop.call_soon_threadsafe
    else:
        import trio

        run = trio.lowlevel.current_trio_token().run_sync_soon

    def call(function: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            run(function)

    return call
