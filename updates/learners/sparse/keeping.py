"""Which keys a table has as time goes on: which new ones get in, and which old ones go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from updates.learners.sparse.admission import Admission
from updates.learners.sparse.expiry import Expiry
from updates.learners.sparse.table import KeyTable


@dataclass(frozen=True)
class Keeping:
    """admission : None where all keys get in. expiry : None where none goes."""

    admission: Admission | None = None
    expiry: Expiry | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Keeping:
        """By resolved settings."""
        after, probability = settings["admit_after"], settings["admit_probability"]
        days = settings["expire_after"]
        return cls(
            Admission(after, probability) if after or probability < 1.0 else None,
            Expiry(days) if days else None,
        )

    def seen(self, table: KeyTable) -> int:
        """Distinct keys met; estimated where not all are admitted, and one that expired and came
        again counts twice where all are."""
        expired = self.expiry.removed if self.expiry else 0
        met = self.admission.seen if self.admission else table.size + expired
        return max(table.size, met)

    def copy(self) -> Keeping:
        """One that goes its own way from here."""
        return Keeping(self.admission and self.admission.copy(), self.expiry and self.expiry.copy())

    def to_arrays(self, table: KeyTable) -> dict[str, np.ndarray]:
        """What decides from here on, in which the keys of the table have the order of insertion."""
        return {
            **(self.admission.to_arrays() if self.admission else {}),
            **(self.expiry.to_arrays(table) if self.expiry else {}),
        }

    def hours(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Of ``to_arrays``, what a table needs to be made of its own arrays."""
        return arrays.get("hours") if self.expiry else None

    def restore(self, arrays: Mapping[str, np.ndarray], table: KeyTable) -> None:
        """Take over what ``to_arrays`` gave; what it lacks begins now."""
        if self.admission:
            self.admission.restore(arrays)
        if self.expiry:
            self.expiry.restore(arrays, table)
