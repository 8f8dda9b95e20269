"""Rows as bytes: JSON, one row a line, or an Arrow stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = "Iterable[Row] | pa.Table | pa.RecordBatch"

NDJSON = "application/x-ndjson"
ARROW_STREAM = "application/vnd.apache.arrow.stream"


def plain(value: Any) -> Any:
    """A value as JSON has it: times as RFC 3339, NumPy's scalars and arrays as numbers and lists.

    Raises TypeError for others, and for times without a zone: they may mean any hour.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"a time must have a zone, such as UTC, got {value.isoformat()}")
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    for convert in ("tolist", "item"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain
).encode


def to_json(value: Any) -> bytes:
    """JSON in UTF-8, of one line; raises TypeError, and ValueError for numbers not finite."""
    return _encode(value).encode()


def to_body(rows: Rows) -> tuple[bytes, str]:
    """Rows as a body and its media type: Arrow tables as Arrow, others as NDJSON."""
    if (arrow := sys.modules.get("pyarrow")) and isinstance(rows, arrow.Table | arrow.RecordBatch):
        return _to_arrow(rows), ARROW_STREAM
    return b"".join(to_json(row) + b"\n" for row in rows), NDJSON


def _to_arrow(rows: pa.Table | pa.RecordBatch) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write(rows)
    written: bytes = sink.getvalue().to_pybytes()
    return written
