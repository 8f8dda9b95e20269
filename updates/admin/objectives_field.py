"""Freshness objectives of components in a form: a number each, instead of JSON."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


class ObjectivesWidget(forms.MultiWidget):
    """A labelled number of seconds for each component."""

    def __init__(self, components: Sequence[str]) -> None:
        self.components = components
        super().__init__({name: forms.NumberInput(attrs={"min": 1}) for name in components})

    def decompress(self, value: dict[str, int] | None) -> list[int | None]:
        return [(value or {}).get(name) for name in self.components]

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        numbers = self.get_context(name, value, attrs)["widget"]["subwidgets"]
        rows = (
            (
                number["attrs"]["id"],
                component,
                self._render(number["template_name"], {"widget": number}, renderer),
            )
            for component, number in zip(self.components, numbers, strict=True)
        )
        return format_html_join("", '<p class="objective"><label for="{}">{}</label> {}</p>', rows)


class ObjectivesField(forms.MultiValueField):
    """{component: seconds}; one left empty is left out."""

    def __init__(self, components: Sequence[str], **kwargs: Any) -> None:
        self.components = components
        fields = [forms.IntegerField(required=False) for _ in components]
        super().__init__(fields, widget=ObjectivesWidget(components), **kwargs)

    def compress(self, data_list: list[int | None]) -> dict[str, int]:
        pairs = zip(self.components, data_list or [None] * len(self.components), strict=True)
        return {name: seconds for name, seconds in pairs if seconds is not None}
