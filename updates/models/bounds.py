"""The lowest and the highest value of a field, told to people and kept by the database."""

from dataclasses import dataclass

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import CheckConstraint, Q


@dataclass(frozen=True)
class Bounds:
    """From ``lowest`` to ``highest``, both included, in ``unit``; null is left alone."""

    lowest: float
    highest: float
    unit: str

    @property
    def validators(self) -> list[MinValueValidator | MaxValueValidator]:
        """For the field: say what is allowed where a value is not."""
        message = f"Must be from {self.lowest:,} to {self.highest:,} {self.unit}."
        return [MinValueValidator(self.lowest, message), MaxValueValidator(self.highest, message)]

    def constraint(self, field: str) -> CheckConstraint:
        """For the table: no way of writing a row gets past it."""
        return CheckConstraint(
            condition=Q((f"{field}__gte", self.lowest), (f"{field}__lte", self.highest)),
            name=f"{field}_is_within_bounds",
        )
