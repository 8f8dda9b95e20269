"""Strings to keys, and bodies of requests to batches, beside what others make of the same rows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.json
from sklearn.feature_extraction import FeatureHasher

from tests.benchmarks.clicks import FIELDS, SCHEMA, Clicks, simulate
from tests.benchmarks.harness import Table, alternate, rates, timed, times_as_fast
from updates.samples.encoder import Encoder
from updates.samples.parse import parse_arrow, parse_ndjson, to_ipc

BATCH_ROWS = 50_000


def tables(samples: int = 200_000, hashed: int = 20_000, repetitions: int = 5) -> Iterator[Table]:
    """Encoding against FeatureHasher; parsing against bare readers that check nothing."""
    clicks = simulate(samples)
    yield keys(clicks, hashed, repetitions)
    yield parsing(clicks, repetitions)


def keys(clicks: Clicks, hashed: int, repetitions: int) -> Table:
    """Raw string rows in Arrow → 64-bit keys, against scikit-learn's FeatureHasher on row dicts."""
    encoder, hasher = Encoder(SCHEMA), FeatureHasher(input_type="dict")
    batches, samples = clicks.batches(BATCH_ROWS), clicks.table.num_rows
    dicts = clicks.first(hashed).dicts()
    seconds = alternate(
        {
            "ours": timed(lambda: [encoder.encode(batch) for batch in batches]),
            "FeatureHasher": timed(lambda: hasher.transform(dicts)),
        },
        repetitions,
    )
    theirs = [spent * samples / len(dicts) for spent in seconds["FeatureHasher"]]
    row = {
        "rows": samples,
        "rows/s min / median / max": rates(samples, seconds["ours"]),
        f"FeatureHasher ({len(dicts):,} rows)": rates(samples, theirs),
        "times as fast": times_as_fast(seconds["ours"], theirs),
    }
    return Table(f"Encode: rows of {len(FIELDS)} strings → keys, one thread", [row])


def parsing(clicks: Clicks, repetitions: int) -> Table:
    """Bodies of 100 and 1,000 rows → checked batches; bare: pyarrow's own reader, json.loads."""
    rows = []
    for size in (100, 1_000):
        ndjson = clicks.ndjson(size)
        arrow = [to_ipc(batch) for batch in clicks.batches(size)]
        rows.append(_parsed("NDJSON", size, ndjson, parse_ndjson, _read_json, repetitions))
        rows.append(_parsed("NDJSON", size, ndjson, parse_ndjson, _loads, repetitions))
        rows.append(_parsed("Arrow", size, arrow, parse_arrow, _read_ipc, repetitions))
    note = "Ours decides for each row whether it is good; the bare readers check nothing."
    return Table("Parse: body of a request → batch, one thread", rows, note)


def _parsed(
    form: str,
    size: int,
    bodies: list[bytes],
    ours: Callable[..., object],
    bare: Callable[[bytes], object],
    repetitions: int,
) -> dict[str, object]:
    seconds = alternate(
        {
            "ours": timed(lambda: [ours(SCHEMA, body) for body in bodies]),
            "bare": timed(lambda: [bare(body) for body in bodies]),
        },
        repetitions,
    )
    samples = size * len(bodies)
    return {
        "form": form,
        "rows a request": size,
        "rows/s min / median / max": rates(samples, seconds["ours"]),
        "bare reader": str(bare.__doc__),
        "bare rows/s": rates(samples, seconds["bare"]),
        "times as fast": times_as_fast(seconds["ours"], seconds["bare"]),
    }


def _read_json(body: bytes) -> object:
    """pyarrow.json"""
    return pyarrow.json.read_json(
        io.BytesIO(body), pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1)
    )


def _loads(body: bytes) -> object:
    """json.loads"""
    return [json.loads(line) for line in body.splitlines()]


def _read_ipc(body: bytes) -> object:
    """pyarrow.ipc"""
    with pa.ipc.open_stream(body) as stream:
        return stream.read_all()
