"""What serializers have in common: unknown fields are refused, models clean themselves."""

import copy
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError


class Strict(serializers.Serializer):
    """A misspelt field is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields), key=str)):
            allowed = ", ".join(name for name, f in self.fields.items() if not f.read_only)
            raise ValidationError(dict.fromkeys(unknown, f"Unknown; allowed are {allowed}."))
        return super().to_internal_value(data)


class Clean(Strict, serializers.ModelSerializer):
    """Checked by the model's own ``clean``, as in the admin."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        candidate = copy.copy(self.instance) if self.instance else self.blank()
        for name, value in attrs.items():
            setattr(candidate, name, value)
        try:
            candidate.clean()
        except DjangoValidationError as error:
            raise ValidationError(self.nest(error.message_dict)) from error
        return attrs

    def blank(self) -> Model:
        """The instance that a creation starts from."""
        return self.Meta.model()

    def nest(self, errors: dict[str, list[str]]) -> dict[str, Any]:
        """Errors under the names that the API uses."""
        return errors

    def update(self, instance: Model, validated_data: dict[str, Any]) -> Model:
        """Writes what the request named and nothing else: simultaneous edits don't undo others."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance


@extend_schema_field(OpenApiTypes.URI_REF)
class Address(serializers.Field):
    """Where the object is found: a path of the API."""

    def __init__(self, view_name: str, *lookups: str) -> None:
        self.view_name, self.lookups = view_name, lookups
        super().__init__(source="*", read_only=True)

    def to_representation(self, value: Model) -> str:
        return address(self.view_name, value, *self.lookups)


def address(view_name: str, value: Model, *lookups: str) -> str:
    """Path of the named view for an object; lookups are attributes, dotted to follow."""
    args = []
    for lookup in lookups:
        found: Any = value
        for name in lookup.split("."):
            found = getattr(found, name)
        args.append(found)
    return reverse(f"api:{view_name}", args=args)
