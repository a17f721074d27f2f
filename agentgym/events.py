"""What the framework tells of its work to Python's `logging`, under the name `agentgym`; silent unless somebody asks.

`logging` is looked for, not imported: a program that never imported it listens to nothing, and pays nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger

Field = str | int | float | bool | None
ROOT = "agentgym"
_DEBUG, _INFO, _WARNING, _ERROR = 10, 20, 30, 40


class Event:
    """The message of a record: what happened, and the figures that belong to it."""

    __slots__ = ("fields", "text")

    def __init__(self, text: str, fields: dict[str, Field]) -> None:
        self.text = text
        self.fields = fields

    def __str__(self) -> str:
        return " ".join([self.text, *(f"{name}={_shown(value)}" for name, value in self.fields.items())])


class EventLog:
    """The logger of one module, found when there is something to tell."""

    __slots__ = ("_logger", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Logger | None = None

    def debug(self, text: str, **fields: Field) -> None:
        """Tell what only somebody who looks for a fault wants to know."""
        self._tell(_DEBUG, text, fields)

    def info(self, text: str, **fields: Field) -> None:
        """Tell how the work goes."""
        self._tell(_INFO, text, fields)

    def warning(self, text: str, **fields: Field) -> None:
        """Tell what was mended, and should not have been needed."""
        self._tell(_WARNING, text, fields)

    def error(self, text: str, **fields: Field) -> None:
        """Tell what ends the work."""
        self._tell(_ERROR, text, fields)

    def _tell(self, level: int, text: str, fields: dict[str, Field]) -> None:
        logger = self._logger or self._find()
        if logger is not None and logger.isEnabledFor(level):
            logger.log(level, Event(text, fields), stacklevel=3)

    def _find(self) -> Logger | None:
        logging = sys.modules.get("logging")
        if logging is None or not hasattr(logging, "getLogger"):  # another thread is just importing it
            return None
        root = logging.getLogger(ROOT)
        if not root.handlers:
            root.addHandler(logging.NullHandler())  # or Python prints warnings to stderr by itself
        self._logger = logging.getLogger(self._name)
        return self._logger


def _shown(value: Field) -> str:
    """A value that a reader can tell from the next one."""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    plain = text != "" and text.isprintable() and not set(text) & set(' "=')
    return text if plain else '"' + text.translate(_QUOTED) + '"'


_QUOTED = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
