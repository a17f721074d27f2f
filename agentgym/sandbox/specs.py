"""Sandbox specs: the one place that reads strings such as `local`, `fusion:URL` or `none`."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from agentgym.errors import UnknownNameError, UsageError, did_you_mean
from agentgym.sandbox.contract import Sandbox

SANDBOX_SPECS = ("local", "local:weak", "local:none", "fusion[:URL]", "e2b[:TEMPLATE]", "none")
_CLASSES = {
    "local": ("agentgym.sandbox.local", "LocalSandbox", "require"),
    "fusion": ("agentgym.sandbox.fusion", "FusionSandbox", "url"),
    "e2b": ("agentgym.sandbox.e2b", "E2BSandbox", "template"),
    "none": ("agentgym.sandbox.plain", "PlainSandbox", ""),
}
"""Where each kind lives, and which of its settings stands after the colon."""
_LEVELS = ("strong", "weak", "none")


def make_sandbox(spec: str = "local", **settings: Any) -> Sandbox:
    """The sandbox a spec string stands for; `settings` are those of its class, such as `concurrency`.

    `local:LEVEL` is content with less isolation than `strong`; `fusion` alone asks SANDBOX_FUSION_ENDPOINT where.
    """
    kind, colon, rest = spec.strip().partition(":")
    if kind not in _CLASSES:
        raise UnknownNameError(f"no sandbox {spec!r}; there are: {', '.join(SANDBOX_SPECS)}")
    module, name, argument = _CLASSES[kind]
    if colon:
        _take(settings, argument, rest, spec)
    made = getattr(import_module(module), name)
    known = set(inspect.signature(made).parameters)
    for setting in settings:
        if setting not in known:
            raise UsageError(
                f"the sandbox {kind!r} takes no setting {setting!r}; {did_you_mean(setting, sorted(known))}"
            )
    sandbox: Sandbox = made(**settings)
    return sandbox


def _take(settings: dict[str, Any], argument: str, rest: str, spec: str) -> None:
    """Put what stands after the colon among the settings."""
    kind = spec.partition(":")[0].strip()
    if not argument or not rest:
        form = next(form for form in SANDBOX_SPECS if form.startswith(kind))
        raise UsageError(f"the sandbox {spec!r} is not written right; write {form}")
    if argument == "require" and rest not in _LEVELS:
        raise UsageError(f"the sandbox {spec!r} names no level of isolation; there are: {', '.join(_LEVELS)}")
    if argument in settings:
        raise UsageError(f"the sandbox {spec!r} is given {argument!r} twice: leave one out")
    settings[argument] = rest
