"""Tags in a form: a line of names instead of JSON."""

import re
from typing import Any

from django import forms

SEPARATORS = re.compile(r"[\s,]+")


class TagsField(forms.CharField):
    """Names with commas or spaces between them, in whatever case, as a list of tags."""

    def to_python(self, value: Any) -> list[str]:
        names = SEPARATORS.split((value or "").lower())
        return list(dict.fromkeys(name for name in names if name))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])
