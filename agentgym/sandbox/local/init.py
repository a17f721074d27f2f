"""The first process of a namespace: it waits for the program, and whatever else there is ends with it."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from typing import NoReturn

from agentgym.sandbox.local.syscalls import die_with_parent


def be_first(play: Callable[[], NoReturn], told: int) -> NoReturn:
    """Fork the program, adopt what it leaves behind, and tell how it ended through the descriptor."""
    try:
        die_with_parent()
        program = os.fork()
        if not program:
            play()
        os.closerange(0, told)
        os.closerange(told + 1, 1 << 20)
        child, status = 0, 0
        while child != program:
            child, status = os.wait()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(told, json.dumps([status, used.ru_utime + used.ru_stime]).encode())
    finally:
        os._exit(0)
