"""Modules that programs ask for most, imported once: whatever is here need not be imported by every process again.

Each megabyte costs every fork some sixty microseconds, so what is large or rare is not here.
"""

from __future__ import annotations

import _sitebuiltins
import bisect
import builtins
import collections
import contextlib
import copy
import functools
import heapq
import itertools
import math
import operator
import os
import re
import signal
import string
import sys
import types
import typing

USUAL = (bisect, collections, contextlib, copy, functools, heapq, itertools, math, operator, re, string, types)
"""What is imported for its own sake, with typing and random."""
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


def settle(packages: typing.Iterable[str], scratch: str) -> None:
    """Make the interpreter what a program expects: with `exit`, and with packages where they are wanted."""
    _import_random()
    os.environ.clear()
    os.environ.update(_ENVIRONMENT, HOME=scratch, TMPDIR=scratch)
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    sys.path[:] = [path for path in sys.path[1:] if path] + list(packages)
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] == "agentgym"]:
        del sys.modules[name]
    if hasattr(signal, "SIGXFSZ"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _import_random() -> None:
    """Without its wish to be seeded anew in every child: equal programs are to do the same, and it takes its time."""
    register = os.register_at_fork
    os.register_at_fork = lambda **_: None
    try:
        import random
    finally:
        os.register_at_fork = register
    random.seed(0)
