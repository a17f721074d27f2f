"""Where a model runs, and in which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentgym.errors import UsageError
from agentgym.extras import require

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`auto` is the first CUDA device with bfloat16 where there is one, and else the CPU with float32."""

    name: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, ..."""
    dtype: str = "auto"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UsageError(f"dtype={self.dtype!r} is none of: {', '.join(DTYPES)}")

    def resolved(self) -> Any:
        """As a torch.device; UsageError where this machine has none such."""
        torch = require("torch")
        name = ("cuda" if torch.cuda.is_available() else "cpu") if self.name == "auto" else self.name
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            told = str(error).splitlines()[0]
            raise UsageError(f"device={self.name!r} cannot be used: {told}; write cpu, cuda or cuda:NUMBER") from None
        return device

    def numbers(self) -> Any:
        """As a torch.dtype."""
        torch = require("torch")
        name = ("float32" if self.resolved().type == "cpu" else "bfloat16") if self.dtype == "auto" else self.dtype
        return getattr(torch, name)
