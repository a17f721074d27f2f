"""The thread in which the model works: it takes requests in, goes on with their rows, and changes weights between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic

from agentgym.errors import Fault, PolicyFault, UsageError, boundary
from agentgym.extras import require
from trainers.engine.batch import Batch
from trainers.engine.chances import Chances
from trainers.engine.checkpoint import Checkpoint
from trainers.engine.row import Job, Row

COLLECT_S = 0.005
"""How long the first request waits for others to share its steps."""
_QUIET_S = 0.001
"""How long nothing comes until nothing more is waited for."""
Change = Callable[[], str]
"""Changes the weights, and gives their version."""


class Worker:
    """One thread, one model, one batch."""

    def __init__(self, checkpoint: Checkpoint, *, most_rows: int) -> None:
        self._checkpoint = checkpoint
        self._most_rows = most_rows
        self._waiting = deque[Row]()
        self._changes = deque[tuple[Change, Future[str]]]()
        self._news = threading.Condition()
        self._closing = False
        self._batch = Batch(checkpoint.model)
        self._joining: list[Row] = []
        self.version = checkpoint.version
        self._thread = threading.Thread(target=self._work, name="agentgym-engine", daemon=True)
        self._thread.start()

    @property
    def load(self) -> tuple[int, int]:
        """How many choices are being sampled, and how many wait."""
        return len(self._batch), len(self._waiting)

    def submit(self, job: Job) -> None:
        """Take a job in."""
        request, end_ids = job.request, self._checkpoint.end_ids
        chances = [Chances(request, index) if request.temperature else None for index in range(request.n)]
        rows = [Row(job, index, one, end_ids=end_ids) for index, one in enumerate(chances)]
        with self._news:
            if self._closing:
                raise _closed()
            self._waiting.extend(rows)
            self._news.notify()

    def change(self, change: Change) -> Future[str]:
        """Change the weights once all rows under way are done; new ones wait for that."""
        future: Future[str] = Future()
        with self._news:
            if self._closing:
                raise _closed()
            self._changes.append((change, future))
            self._news.notify()
        return future

    def close(self, *, timeout_s: float = 10.0) -> None:
        """End the thread after the step it is at; whoever still waits is told."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        with require("torch").no_grad():
            while self._has_work():
                try:
                    with boundary(PolicyFault, "engine"):
                        self._turn()
                except Fault as fault:
                    self._fail(fault)
        self._fail(_closed())

    def _has_work(self) -> bool:
        """Wait for something to do; False when the end has come."""
        with self._news:
            if not self._batch:
                self._news.wait_for(lambda: self._closing or self._waiting or self._changes)
                if self._waiting and not self._closing:
                    self._collect()
            return not self._closing

    def _collect(self) -> None:
        """Let more requests come, as they do when many episodes begin."""
        ends, held = monotonic() + COLLECT_S, 0
        while held < len(self._waiting) < self._most_rows and not self._closing and (left := ends - monotonic()) > 0:
            held = len(self._waiting)
            self._news.wait(min(left, _QUIET_S))

    def _turn(self) -> None:
        """Let rows go and come, and draw one token for each."""
        self._batch.drop(lambda row: row.job.unwanted)
        if self._changes and not self._batch:
            self._change()
        self._joining = [] if self._changes else self._admitted()
        if self._batch:
            self._batch.step()
        if self._joining:
            self._batch.join(self._joining)
            self._joining = []

    def _admitted(self) -> list[Row]:
        rows: list[Row] = []
        with self._news:
            while self._waiting and len(self._batch) + len(rows) < self._most_rows:
                row = self._waiting.popleft()
                if not row.job.unwanted:
                    row.version = self.version
                    rows.append(row)
        return rows

    def _change(self) -> None:
        while self._changes:
            change, future = self._changes.popleft()
            try:
                with boundary(PolicyFault, "engine"):
                    self.version = change()
            except (Fault, UsageError) as error:
                future.set_exception(error)
            else:
                future.set_result(self.version)

    def _fail(self, fault: Fault) -> None:
        """Tell everybody whose rows are lost."""
        with self._news:
            lost = [*self._batch.rows, *self._joining, *(self._waiting if self._closing else ())]
            self._batch.clear()
            self._joining = []
            if self._closing:
                self._waiting.clear()
                while self._changes:
                    self._changes.popleft()[1].set_exception(fault)
        for job in dict.fromkeys(row.job for row in lost):
            job.fail(fault)


def _closed() -> PolicyFault:
    return PolicyFault("the engine is closed")
