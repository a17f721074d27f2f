"""De-duplication, for what is learnt by imitation; in a group for GRPO equal rollouts count each."""

from __future__ import annotations

from array import array
from dataclasses import replace
from hashlib import blake2b

from trainers.dataset.rows import TokenRow, Trajectory


class Distinct:
    """Tells rows that have come before; 16 bytes of each are remembered."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self.dropped = 0

    def take(self, row: TokenRow) -> bool:
        """Whether the row is new: it has other tokens than all before, or others of them train."""
        bounds = (place for sample in row.samples for place in (sample.begin, sample.end))
        digest = blake2b(array("q", row.input_ids).tobytes(), digest_size=16)
        digest.update(array("q", [-1, *bounds]).tobytes())
        known = digest.digest() in self._seen
        self._seen.add(digest.digest())
        self.dropped += known
        return not known

    def of(self, trajectory: Trajectory) -> Trajectory:
        """The trajectory with its new rows alone."""
        return replace(trajectory, rows=tuple(row for row in trajectory.rows if self.take(row)))
