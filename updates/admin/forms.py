"""What the forms of the admin have in common."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class HelpfulForm(forms.ModelForm):
    """Says each problem once, and shows what is fixed without letting it be changed."""

    def add_error(self, field: str | None, error: Any) -> None:
        """A field that could not be read is not judged a second time by the model."""
        if field is None and hasattr(error, "error_dict"):
            new = {name: e for name, e in error.error_dict.items() if name not in self.errors}
            if not new:
                return
            error = ValidationError(new)
        super().add_error(field, error)

    def fix(self, name: str, why: str) -> None:
        """Show the field as it is, with the reason why it stays so."""
        field = self.fields[name]
        field.disabled = True
        field.help_text = why
