"""What a person asks the fleet page for. All of it is in the address: a link shows the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from urllib.parse import urlencode

WORST_FIRST = "-state"


@dataclass(frozen=True)
class FleetQuery:
    """Filters and search, of which empty ones ask for nothing, and the order.

    state, cause, learner, tag : the value that a recommender must have.
    q : what its slug or name must contain, in whatever case.
    sort : name of a column, with a hyphen before it for the largest first.
    """

    state: str = ""
    cause: str = ""
    learner: str = ""
    tag: str = ""
    q: str = ""
    sort: str = WORST_FIRST

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> FleetQuery:
        """That of an address; parameters of other names are none of it."""
        given = {f.name: parameters.get(f.name, "").strip() for f in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value})

    def but(self, **changed: str) -> FleetQuery:
        """The same with other values of some fields."""
        return replace(self, **changed)

    def toggled(self, name: str, value: str) -> FleetQuery:
        """With that value of a filter, or without where it is chosen already."""
        return self.but(**{name: "" if getattr(self, name) == value else value})

    @property
    def unfiltered(self) -> FleetQuery:
        """The same order of all recommenders."""
        return FleetQuery(sort=self.sort)

    @property
    def filtered(self) -> bool:
        """Whether it leaves out any recommender."""
        return self != self.unfiltered

    def __str__(self) -> str:
        """As the query of an address, the same for the same question; nothing for the default."""
        default = asdict(FleetQuery())
        return urlencode({name: v for name, v in asdict(self).items() if v != default[name]})
