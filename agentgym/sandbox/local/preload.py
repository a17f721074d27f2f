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
import random
import re
import signal
import string
import sys
import types
import typing

USUAL = (bisect, collections, contextlib, copy, functools, heapq, itertools, math, operator, random, re, string, types)
"""What is imported for its own sake, with typing."""


def settle(packages: typing.Iterable[str]) -> None:
    """Make the interpreter what a program expects: with `exit`, and with packages where they are wanted."""
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))
    builtins.help = _sitebuiltins._Helper()
    sys.path[:] = [path for path in sys.path[1:] if path] + list(packages)
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] == "agentgym"]:
        del sys.modules[name]
    if hasattr(signal, "SIGXFSZ"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
