"""A page of samples, an Arrow stream, as Vowpal Wabbit's text; and the newest event time so far.

python3 to_vw.py PAGE TEXT WATERMARK
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

# Columns that every page has, beside the fields of the schema.
COMMON = {"offset", "arrived_at", "label", "event_time", "weight"}
# These have a meaning in the text.
SPECIAL = re.compile(r"[\s:|]")


def words(value: object) -> Iterator[str]:
    """What a field's value comes to in its namespace; nothing where it is null."""
    if isinstance(value, float):
        yield f"value:{value}"
    elif isinstance(value, list):
        yield from (SPECIAL.sub("_", each) for each in value)
    elif value is not None:
        yield SPECIAL.sub("_", str(value))


def main(page: str, text: str, watermark: str) -> None:
    """Write both files; the watermark never goes back."""
    table = pa.ipc.open_stream(page).read_all()
    fields = [name for name in table.column_names if name not in COMMON]
    with Path(text).open("w") as lines:
        for row in table.to_pylist():
            said = (f"|{name} {' '.join(words(row[name]))}" for name in fields)
            print(1 if row["label"] > 0.5 else -1, row["weight"], *said, file=lines)
    newest = Path(watermark)
    known = [newest.read_text()] if newest.exists() else []
    # All are in UTC and of one form, so that texts have the order of times.
    times = [time.isoformat(timespec="milliseconds") for time in table["event_time"].to_pylist()]
    if known or times:
        newest.write_text(max(known + times))


if __name__ == "__main__":
    main(*sys.argv[1:])
