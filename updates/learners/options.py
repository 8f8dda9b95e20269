"""Options of a learner, declared once: validation, form help and API schema come from here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = {bool: "true or false", str: "a string", dict: "a JSON object", list: "a JSON list"}


class OptionError(ValueError):
    """A learner option that is not allowed; names the option, the range and what came."""

    def __init__(self, option: str, allowed: str, got: object) -> None:
        super().__init__(f"learner_options.{option}: must be {allowed}, got {got!r}")
        self.option = option
        self.allowed = allowed
        self.got = got


@dataclass(frozen=True)
class Option:
    """One option: its type is that of its default; numbers are bounded, strings may be a choice,
    objects and lists are JSON."""

    name: str
    default: bool | int | float | str | Mapping[str, Any] | list[Any]
    help: str
    minimum: float = -math.inf
    maximum: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if type(self.default) in KINDS:
            return KINDS[type(self.default)]
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}"

    def check(self, value: Any) -> Any:
        """Return the value in the option's type; raises OptionError."""
        kind = type(self.default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise OptionError(self.name, self.allowed, value)
        if self.choices and value not in self.choices:
            raise OptionError(self.name, self.allowed, value)
        if isinstance(value, int | float) and not self.minimum <= value <= self.maximum:
            raise OptionError(self.name, self.allowed, value)
        return value


def resolve(options: Sequence[Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """All options with their values: the given one, else the default. Raises OptionError."""
    known = {option.name: option for option in options}
    for name, value in given.items():
        if name not in known:
            raise OptionError(name, "one of the options " + ", ".join(sorted(known)), value)
    return {name: option.check(given.get(name, option.default)) for name, option in known.items()}
