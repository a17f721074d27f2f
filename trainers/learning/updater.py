"""Updates of a model's weights: AdamW, clipping, and the course of the learning rate as transformers has it."""

from __future__ import annotations

import math
from typing import Any

from agentgym.extras import require
from trainers.recipe import OptimizerSettings


class Updater:
    """`backward` any number of losses, then `step`; `state` goes on where it was left."""

    def __init__(self, model: Any, settings: OptimizerSettings, *, total_steps: int) -> None:
        torch = require("torch")
        self.steps = 0
        """That were made."""
        self._settings = settings
        self._total = total_steps
        self._trained = [weights for weights in model.parameters() if weights.requires_grad]
        matrices = [weights for weights in self._trained if weights.dim() > 1]
        others = [weights for weights in self._trained if weights.dim() <= 1]  # biases and norms do not decay
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        given = [group for group in groups if group["params"]]
        fused = all(weights.device.type in ("cpu", "cuda") for weights in self._trained)
        self._optimizer = torch.optim.AdamW(given, lr=settings.learning_rate, fused=fused)

    def backward(self, loss: Any) -> None:
        """Add a loss to what the next step goes by."""
        loss.backward()

    def step(self) -> tuple[float, float]:
        """Change the weights; the norm of the gradients before they were clipped, and the learning rate.

        Where the norm is not finite the weights stay as they were.
        """
        torch = require("torch")
        rate = self.learning_rate
        norm = torch.nn.utils.clip_grad_norm_(self._trained, self._settings.max_grad_norm or math.inf)
        grad_norm = float(norm)
        if math.isfinite(grad_norm):
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        return grad_norm, rate

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self._settings.learning_rate * share_of_rate(self._settings, self.steps, self._total)

    def state(self) -> dict[str, Any]:
        """What `load_state` takes; the next step changes it, so write it down before."""
        return {"steps": self.steps, "optimizer": self._optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.steps = state["steps"]
        self._optimizer.load_state_dict(state["optimizer"])


def share_of_rate(settings: OptimizerSettings, steps: int, total_steps: int) -> float:
    """What the learning rate is, as a share of the highest, after so many steps."""
    warmup = settings.warmup_steps
    if steps < warmup:
        return steps / warmup
    if settings.schedule == "constant":
        return 1.0
    progress = (steps - warmup) / max(1, total_steps - warmup)
    if settings.schedule == "linear":
        return max(0.0, 1.0 - progress)
    return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
