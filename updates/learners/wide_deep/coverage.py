"""Which of the values that rows have are known to the embeddings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Coverage:
    """Values of fields looked up while learning, and how many of them had a vector of their own.

    The rest were read as their field's default: what is lost by embeddings that are updated seldom.
    """

    looked_up: int = 0
    known: int = 0

    @property
    def share(self) -> float:
        """Known values among all looked up; 1 where none were."""
        return self.known / self.looked_up if self.looked_up else 1.0

    def count(self, looked_up: int, known: int) -> None:
        """Add one look-up of so many values."""
        self.looked_up += looked_up
        self.known += known
