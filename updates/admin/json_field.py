"""JSON in a form: what is wrong is said with its line, and what was typed stays."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class JSONObjectField(forms.JSONField):
    """A JSON object; indented when shown."""

    kind, name = dict, "object, {…}"
    widget = forms.Textarea(attrs={"rows": 10, "class": "vLargeTextField json"})

    def to_python(self, value: Any) -> Any:
        if self.disabled or not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            read = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"This is no JSON: {_first_lower(error.msg)} in line {error.lineno}, column "
                f"{error.colno}. Names and texts stand in double quotes, as in "
                f'{{"name": "value", "list": ["a", "b"], "number": 0.5}}.'
            ) from error
        if not isinstance(read, self.kind):
            raise ValidationError(f"Must be a JSON {self.name}, got {_kind(read)}.")
        return super().to_python(value)

    def prepare_value(self, value: Any) -> str:
        """What was typed as it was typed; what is stored, indented; nothing before there is any."""
        if value is None or isinstance(value, str):
            return value or ""
        return json.dumps(value, indent=2, ensure_ascii=False)


class JSONListField(JSONObjectField):
    """A JSON list; indented when shown."""

    kind, name = list, "list, […]"


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _kind(value: Any) -> str:
    kinds = {
        list: "a list",
        dict: "an object",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")
