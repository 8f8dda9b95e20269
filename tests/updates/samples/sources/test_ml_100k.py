import importlib.util
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from updates.samples.errors import ParseError
from updates.samples.schema import SampleSchema
from updates.samples.sources import ML_100K, SourceMissing, ml_100k, open_source

FOLDER = Path(importlib.util.find_spec("recbole").origin).parent / "dataset_example" / "ml-100k"


@pytest.fixture(scope="module")
def samples() -> pa.Table:
    return pa.Table.from_batches(list(open_source("ml-100k")))


def copy_of_the_files(folder: Path, change) -> Path:
    """The data set with each line of the ratings changed by ``change(cells, number)``."""
    for name in ("ml-100k.user", "ml-100k.item"):
        (folder / name).write_bytes((FOLDER / name).read_bytes())
    header, *lines = (FOLDER / "ml-100k.inter").read_text().splitlines()
    rows = [change(line.split("\t"), number) for number, line in enumerate(lines)]
    (folder / "ml-100k.inter").write_text("\n".join([header, *map("\t".join, rows)]) + "\n")
    return folder


def test_all_ratings_come_as_canonical_samples(samples):
    source = open_source("ml-100k")
    assert source.total_rows == samples.num_rows == 100_000
    assert source.schema == ML_100K
    assert samples.schema.equals(ML_100K.arrow)
    assert {batch.num_rows for batch in source} == {1000}


def test_they_are_in_time_order_with_ties_by_user_and_item(samples):
    keys = [samples[name].cast(pa.int64()).to_numpy() for name in ("event_time", "user", "item")]
    assert np.array_equal(np.lexsort(keys[::-1]), np.arange(samples.num_rows))


def test_a_rating_of_4_or_5_stars_is_a_positive(samples):
    ratings = np.loadtxt(FOLDER / "ml-100k.inter", skiprows=1, usecols=2)
    assert pc.sum(samples["label"]).as_py() == (ratings >= 4).sum() == 55_375


def test_a_known_rating_is_found_with_its_user_and_film(samples):
    # 196	242	3	881250949; user 196: 49, M, writer; item 242: Kolya, 1996, Comedy
    found = samples.filter(
        pc.and_(pc.equal(samples["user"], "196"), pc.equal(samples["item"], "242"))
    )
    [row] = found.to_pylist()
    assert row.pop("event_time").timestamp() == 881_250_949
    assert row == {
        "label": 0,
        "weight": 1,
        "user": "196",
        "item": "242",
        "gender": "M",
        "age_band": "45-54",
        "occupation": "writer",
        "release_year": "1996",
        "film_age": pytest.approx(0.1),
        "genres": ["Comedy"],
    }


def test_the_ratings_change_the_label_and_no_other_column(samples, tmp_path):
    stars = np.random.default_rng(1).permutation(100_000) % 5 + 1
    folder = copy_of_the_files(tmp_path, lambda cells, i: [*cells[:2], str(stars[i]), cells[3]])
    shuffled = ml_100k.read_ml_100k(folder).select(samples.column_names).cast(ML_100K.arrow)
    assert pc.mean(shuffled["label"]).as_py() == 0.4
    assert shuffled.drop_columns("label").equals(samples.drop_columns("label"))


def test_features_of_a_row_use_no_later_row(samples, tmp_path):
    last = samples["event_time"][60_000].as_py().timestamp()
    folder = copy_of_the_files(tmp_path, lambda cells, _: cells)
    header, *lines = (folder / "ml-100k.inter").read_text().splitlines()
    before = [line for line in lines if int(line.split("\t")[3]) < last]
    (folder / "ml-100k.inter").write_text("\n".join([header, *before]))
    earlier = ml_100k.read_ml_100k(folder).select(samples.column_names)
    assert len(before) > 50_000
    assert earlier.cast(ML_100K.arrow).equals(samples.slice(0, len(before)))


def test_a_film_without_a_year_has_no_year_and_no_age(samples):
    unknown = samples.filter(pc.equal(samples["item"], "267"))
    assert set(unknown["release_year"].to_pylist()) == {None}
    assert set(unknown["film_age"].to_pylist()) == {None}


def test_a_schema_may_choose_among_the_fields():
    schema = SampleSchema(user="user", numeric=("age",), crosses=(("user", "user"),))
    source = open_source("ml-100k", schema)
    assert next(iter(source)).schema.equals(schema.arrow)


@pytest.mark.parametrize(
    "schema", [SampleSchema(categorical=("zip_code",)), SampleSchema(numeric=("gender",))]
)
def test_a_schema_with_a_field_that_is_not_there_is_refused(schema):
    with pytest.raises(ParseError, match=r"has no field '(zip_code|gender)' of type"):
        open_source("ml-100k", schema)


def test_without_recbole_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(ml_100k, "find_spec", lambda name: None)
    with pytest.raises(SourceMissing, match=r"pip install --no-deps recbole$"):
        open_source("ml-100k")


def test_recbole_is_found_without_being_imported(samples):
    assert "recbole" not in sys.modules
