"""A warm interpreter: it forks a process for every program, watches over it, and tells how it ended.

It runs outside the process of those who ask, in namespaces where the machine gives them, and reads neither programs
nor their inputs: these reach the forked process alone, as files in memory. One program at a time.
"""

from __future__ import annotations

import _socket
import array
import fcntl
import gc
import json
import os
import select
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from agentgym.sandbox.local import preload
from agentgym.sandbox.local.child import Beginning, Place, become, rehearse
from agentgym.sandbox.local.housing import Housing, housed
from agentgym.sandbox.local.init import be_first
from agentgym.sandbox.local.watch import Ended, Limits, Watch

_LONGEST_REQUEST = 1 << 16
_MOST_DESCRIPTORS = 8
_HIGH = 100
"""Descriptors of a request are moved above it, out of the way of those a program has."""
_LONGEST_ANSWER = 1 << 12


def main(socket: int, parent: int, settings: str) -> NoReturn:
    """Be one, for the process of that number, until it is gone or has closed its end of the socket."""
    connection = _socket.socket(fileno=socket)
    os.set_inheritable(socket, False)
    try:
        watched = os.pidfd_open(parent)
        house = housed(json.loads(settings))
        preload.settle(json.loads(settings)["packages"], house.scratch.path)
    except OSError as error:
        connection.send(json.dumps({"fault": str(error)}).encode())
        os._exit(1)
    connection.send(json.dumps({"layers": house.layers, "missing": house.missing}).encode())
    Zygote(connection, watched, house).serve()
    os._exit(0)


class Zygote:
    """Serves one program after the other."""

    def __init__(self, connection: _socket.socket, parent: int, house: Housing) -> None:
        self._connection = connection
        self._parent = parent
        self._house = house
        self._place = Place(house.scratch.path, Beginning())
        self._over = False
        self._poll = select.poll()
        self._watched = (connection.fileno(), parent)
        for number in self._watched:
            self._poll.register(number, select.POLLIN)
        self._watch = Watch(self._watched, self._is_unwanted, house.scratch.used_bytes)

    def serve(self) -> None:
        """Until nobody is there any more."""
        rehearse()
        gc.collect()
        gc.freeze()
        gc.disable()
        while not self._over:
            message, descriptors = self._receive()
            if descriptors:
                self._connection.send(json.dumps(self._run(json.loads(message), descriptors)).encode())
        self._house.prepare(1)

    def _is_unwanted(self) -> bool:
        self._receive()
        return True

    def _receive(self) -> tuple[bytes, list[int]]:
        """A request, or the wish to stop, which has no descriptors."""
        seen = [number for number, _ in self._poll.poll()]
        if self._parent in seen:
            self._over = True
            return b"", []
        room = _socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4)
        message, ancillary, _, _ = self._connection.recvmsg(_LONGEST_REQUEST, room, _socket.MSG_CMSG_CLOEXEC)
        self._over = not message
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        return message, list(descriptors)

    def _run(self, order: Mapping[str, Any], descriptors: list[int]) -> dict[str, Any]:
        moved = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _HIGH) for number in descriptors]
        _close(descriptors)
        self._house.prepare(order["scratch_mb"])
        self._place.beginning.expect()
        scratch = self._house.scratch
        limited = None if scratch.sized else order["scratch_mb"] << 20
        limits = Limits(order["cpu_s"], order["wall_s"], order["processes"] > 1, limited)
        play = partial(become, order, moved, self._house.confinement, self._place)
        if order["processes"] > 1:
            ended = self._run_family(play, moved, limits)
        else:
            child = os.fork()
            if not child:
                play()
            _close(moved)
            ended = self._watch.wait(child, limits)
        return {**ended._asdict(), "fault": "" if ended.why else self._place.beginning.fault()}

    def _run_family(self, play: partial[NoReturn], moved: list[int], limits: Limits) -> Ended:
        """In a namespace of its own, whose first process tells how the program itself ended."""
        if self._house.processes is None:
            raise RuntimeError("there are no process namespaces")
        reader, writer = os.pipe2(os.O_CLOEXEC)
        child = self._house.processes.fork()
        if not child:
            be_first(play, writer)
        _close([*moved, writer])
        ended = self._watch.wait(child, limits)
        told = os.read(reader, _LONGEST_ANSWER)
        os.close(reader)
        if not told:
            return ended
        status, cpu_s = json.loads(told)
        return ended._replace(status=status, cpu_s=max(cpu_s, ended.cpu_s))


def _close(descriptors: list[int]) -> None:
    for number in descriptors:
        os.close(number)
