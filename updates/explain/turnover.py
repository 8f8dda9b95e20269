"""Values that one version knows and the other does not."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from updates.explain.values import Value, value_of
from updates.samples.hashing import cross_name
from updates.samples.schema import SampleSchema

MOST = 10


@dataclass(frozen=True)
class Turnover:
    """fields : how many values by feature, most first. top : those of the largest weights."""

    fields: dict[str, int]
    top: list[tuple[Value, float]]

    @property
    def count(self) -> int:
        """Of all fields."""
        return sum(self.fields.values())


def born(older: pa.Table, newer: pa.Table, schema: SampleSchema) -> Turnover:
    """What the newer one has and the older one has not, by field and value; what died is born the
    other way round.

    older, newer : as of ``Learner.known_values``. What is no feature of the schema, as the leaves
    of trees, is left out.
    """
    features = [*schema.single_valued, *schema.numeric, *schema.multivalued]
    features += [cross_name(*pair) for pair in schema.crosses]
    here, there = (
        table.filter(pc.is_in(table["field"], pa.array(features, pa.string())))
        for table in (newer, older)
    )
    fresh = here.filter(pc.invert(pc.is_in(_keys(here), _keys(there))))
    counts = fresh["field"].value_counts().to_pylist()
    fields = {row["values"]: row["counts"] for row in sorted(counts, key=lambda r: -r["counts"])}
    top = [
        (value_of(row["field"], row["value"], schema), row["weight"])
        for row in fresh.slice(0, MOST).to_pylist()
    ]
    return Turnover(fields, top)


def _keys(table: pa.Table) -> pa.ChunkedArray:
    """Field and value as one; no field's name has a control character."""
    text = pa.large_string()
    return pc.binary_join_element_wise(
        table["field"].cast(text), table["value"].cast(text), pa.scalar("\x1f", text)
    )
