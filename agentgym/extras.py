"""Optional packages: imported when needed, and named when missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from agentgym.errors import MissingExtraError

EXTRA_OF = {
    "litellm": "litellm",
    "gymnasium": "gymnasium",
    "torch": "train",
    "transformers": "train",
    "trl": "train",
    "peft": "train",
    "datasets": "train",
    "accelerate": "train",
    "pyarrow": "train",
    "tokenizers": "train",
    "bitsandbytes": "bnb",
    "starlette": "serve",
    "uvicorn": "serve",
    "jinja2": "serve",
    "e2b_code_interpreter": "e2b",
    "matplotlib": "viz",
    "opentelemetry": "otel",
}


def require(module: str) -> ModuleType:
    """Import a module of an optional package, or say in one line how to install it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError:
    """The error that names the command which installs what is missing."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(package)
    wanted = f"agentgym-async[{extra}]" if extra else package
    return MissingExtraError(f"needs the package {package!r}, which is not installed; run: pip install '{wanted}'")
