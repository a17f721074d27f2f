"""The prompts: template files beside this module, each of which a folder of one's own may replace."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

from agentgym.errors import DataFileError, UsageError, did_you_mean
from agentgym.messages import Message

OWN = Path(__file__).with_name("prompts")


class Prompts:
    """The template files by name, such as `planner_system.md`; `folder` holds those that replace ours."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder).expanduser().absolute()
        self._templates = dict(own_templates())
        self._last: dict[str, Message] = {}
        """Of each role the last system message: records keep them all, so equal ones had better be one in memory."""
        if self.folder is not None:
            self._templates |= _replaced(self.folder, self._templates)

    def fill(self, name: str, values: Mapping[str, str]) -> str:
        """The text of one of them."""
        return self._templates[name].substitute(values).strip()

    def messages(self, role: str, values: Mapping[str, str]) -> list[Message]:
        """What a role is asked with: what stays the same in every turn first, for endpoints keep beginnings at hand."""
        system = Message("system", self.fill(f"{role}_system.md", values))
        if self._last.get(role) != system:
            self._last[role] = system
        return [self._last[role], Message("user", self.fill(f"{role}_user.md", values))]


@cache
def own_templates() -> Mapping[str, Template]:
    """Ours."""
    return {path.name: Template(path.read_text(encoding="utf-8")) for path in sorted(OWN.glob("*.md"))}


def _replaced(folder: Path, own: Mapping[str, Template]) -> dict[str, Template]:
    found = {path.name: _read(path) for path in sorted(folder.glob("*.md"))}
    if not found:
        raise DataFileError(f"{folder}: holds no prompts; a folder of prompts holds some of: {', '.join(own)}")
    for name, template in found.items():
        if name not in own:
            raise DataFileError(f"{folder / name}: is no prompt; {did_you_mean(name, own)}")
        known = own[name].get_identifiers()
        if not template.is_valid():
            raise DataFileError(f"{folder / name}: a dollar sign stands alone; write $$ for it")
        for value in template.get_identifiers():
            if value not in known:
                raise DataFileError(f"{folder / name}: ${value} is unknown; there are: {', '.join(sorted(known))}")
    return found


def _read(path: Path) -> Template:
    try:
        return Template(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
