"""What of the machine's files the programs may read."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

COMMANDS = {"bash": "bash", "javascript": "node"}
FILES = {"bash": "main.sh", "javascript": "main.js"}
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/etc/localtime")
_TOOLS = ("/usr/bin", "/bin", "/etc/alternatives")


def readable(packages: list[str]) -> list[str]:
    """The standard library, and the libraries it and the interpreter need."""
    interpreter = [os.path.dirname(os.__file__), f"{sys.base_prefix}/lib", f"{sys.base_exec_prefix}/lib"]
    zipped = [path for path in sys.path if path.endswith(".zip")]
    return [path for path in (*interpreter, *zipped, *_LIBRARIES, *packages) if os.path.exists(path)]


def executable(commands: Mapping[str, str]) -> list[str]:
    """What programs in the other languages may start, and what is needed for that."""
    found = [*_LIBRARIES, *commands.values(), *(_TOOLS if "bash" in commands else ())]
    return [path for path in found if os.path.exists(path)]


def commands() -> dict[str, str]:
    """The interpreters that are installed, by language."""
    found = {language: shutil.which(name) for language, name in COMMANDS.items()}
    return {language: os.path.realpath(path) for language, path in found.items() if path}


def site_packages() -> list[str]:
    """Where the packages of this interpreter are."""
    return [path for path in sys.path if path.rstrip("/").endswith(("site-packages", "dist-packages"))]
