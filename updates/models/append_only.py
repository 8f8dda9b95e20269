"""Rows that are written once."""

from typing import Any

from django.db import models


class AppendOnlyError(TypeError):
    """Someone tried to change a row that is history."""


class AppendOnlyQuerySet(models.QuerySet):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError(f"{self.model.__name__} rows are history: add a new one instead.")


class AppendOnly(models.Model):
    """A row that can be added but not changed."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{type(self).__name__} rows are history: add a new one instead.")
        super().save(*args, **kwargs)
