"""The policy that training began with, where the distance from it is to stay small."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

from agentgym.extras import require
from trainers.grpo.scoring import without_chance
from trainers.learning.batches import Batch
from trainers.learning.scores import token_logprobs
from trainers.models.loading import Trainee
from trainers.models.sources import is_adapter


class Reference:
    """Scores batches as the model did before the first update; made before that."""

    def __init__(self, trainee: Trainee, *, began_with: str) -> None:
        self._model = trainee.model
        self._switches_off = trainee.adapter and not trainee.new_tokens and not is_adapter(began_with)
        if not self._switches_off:
            self._model = copy.deepcopy(trainee.model).requires_grad_(False)

    def logprobs(self, batch: Batch) -> Any:
        """Of the tokens that train."""
        without = self._model.disable_adapter() if self._switches_off else nullcontext()
        with require("torch").no_grad(), without_chance(self._model), without:
            return token_logprobs(self._model, batch, temperature=batch.temperatures)
