import csv
import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from updates.samples.errors import ParseError
from updates.samples.schema import SampleSchema
from updates.samples.sources import OPEN_BANDIT, SourceMissing, open_bandit, open_source

FOLDER = Path(importlib.util.find_spec("obp").origin).parent / "dataset" / "obd"
FEATURES = OPEN_BANDIT.arrow.names[3:]
CLICKS = {
    ("random", "all"): 38,
    ("random", "men"): 46,
    ("random", "women"): 46,
    ("bts", "all"): 42,
    ("bts", "men"): 69,
    ("bts", "women"): 46,
}


def opened(schema=None, **options) -> pa.Table:
    return pa.Table.from_batches(list(open_source("open-bandit", schema, **options)))


@pytest.fixture(scope="module")
def samples() -> pa.Table:
    return opened()


def copy_of_the_files(folder: Path, change) -> Path:
    """The data set with the rows of impressions changed by ``change(rows)``, dicts of strings."""
    (folder / "all").mkdir()
    context = FOLDER / "random" / "all" / "item_context.csv"
    (folder / "all" / "item_context.csv").write_bytes(context.read_bytes())
    with (FOLDER / "random" / "all" / "all.csv").open(newline="") as file:
        rows = change(list(csv.DictReader(file)))
    with (folder / "all" / "all.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "all"


@pytest.mark.parametrize(("behaviour_policy", "campaign"), CLICKS)
def test_each_campaign_under_each_policy_comes_as_canonical_samples(behaviour_policy, campaign):
    samples = opened(campaign=campaign, behaviour_policy=behaviour_policy)
    assert samples.num_rows == 10_000
    assert samples.schema.equals(OPEN_BANDIT.arrow)
    assert pc.sum(samples["label"]).as_py() == CLICKS[behaviour_policy, campaign]
    times = samples["event_time"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()


def test_a_known_impression_is_found_as_it_was_shown(samples):
    # Line 2 of random/all/all.csv, and item 14 of its item_context.csv.
    row = samples.slice(0, 1).to_pylist()[0]
    assert row == {
        "label": 0,
        "event_time": datetime(2019, 11, 24, 0, 0, 34, 762_000, UTC),
        "weight": 1,
        "item": "14",
        "position": "3",
        "user_feature_0": "81ce123cbb5bd8ce818f60fb3586bba5",
        "user_feature_1": "03a5648a76832f83c859d46bc06cb64a",
        "user_feature_2": "c2e4f76cdbabecd33b8c762aeef386b3",
        "user_feature_3": "f97571b9c14a786aab269f0b427d2a85",
        "item_feature_0": pytest.approx(1.4410911448314336),
        "item_feature_1": "62dc7dd3bfeff6123b2f6f243da49a17",
        "item_feature_2": "84da86f2aa5e816a473e4065f137bfa9",
        "item_feature_3": "1ead5eb1766472d5bbe45ef0d5654a59",
        "affinity": 0,
        "affine_items": [],
    }


def test_affinity_is_that_to_the_item_shown_and_the_others_are_listed(samples):
    with (FOLDER / "random" / "all" / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number in np.flatnonzero(samples["affinity"].to_numpy() > 0):
        row, sample = rows[number], samples.slice(number, 1).to_pylist()[0]
        scores = {i: float(row[f"user-item_affinity_{i}"]) for i in range(80)}
        assert sample["affinity"] == scores[int(row["item_id"])]
        assert sample["affine_items"] == [str(i) for i, score in scores.items() if score > 0]


def test_clicks_change_the_label_and_no_other_column(samples, tmp_path):
    def shuffle(rows):
        clicked = np.random.default_rng(1).permutation(len(rows)) % 5 == 0
        return [row | {"click": str(int(c))} for row, c in zip(rows, clicked, strict=True)]

    shuffled = open_bandit.read_open_bandit(copy_of_the_files(tmp_path, shuffle))
    assert pc.mean(shuffled["label"]).as_py() == pytest.approx(0.2)
    assert shuffled.select(FEATURES).cast(samples.select(FEATURES).schema) == samples.select(
        FEATURES
    )


@pytest.mark.parametrize(("behaviour_policy", "campaign"), CLICKS)
def test_the_affinity_of_a_clicked_item_does_not_count_that_click(behaviour_policy, campaign):
    samples = opened(campaign=campaign, behaviour_policy=behaviour_policy)
    clicked = samples.filter(pc.equal(samples["label"], 1))
    assert np.mean(clicked["affinity"].to_numpy() > 0) < 0.1


def test_features_of_a_row_use_no_later_row(samples, tmp_path):
    earlier = open_bandit.read_open_bandit(copy_of_the_files(tmp_path, lambda rows: rows[:6000]))
    columns = ["label", "event_time", *FEATURES]
    assert earlier.select(columns).cast(samples.select(columns).schema) == samples.select(
        columns
    ).slice(0, 6000)


def test_the_propensity_is_no_feature_unless_a_schema_asks_for_it(samples):
    assert "propensity" not in samples.column_names
    asked = opened(SampleSchema(item="item", numeric=("propensity",)), behaviour_policy="bts")
    assert 0 < pc.min(asked["propensity"]).as_py() < pc.max(asked["propensity"]).as_py() < 1


def test_importance_weights_undo_what_the_policy_preferred():
    schema = SampleSchema(item="item", numeric=("propensity",))
    weighted = opened(schema, behaviour_policy="bts", importance_weights=True)
    weights, propensity = weighted["weight"].to_numpy(), weighted["propensity"].to_numpy()
    expected = np.minimum(1 / (80 * propensity), open_bandit.LARGEST_WEIGHT)
    assert weights == pytest.approx(expected, rel=1e-6)
    assert weights.max() == open_bandit.LARGEST_WEIGHT
    assert weights.mean() == pytest.approx(1, abs=0.1)  # 1/n ÷ propensity has the expectation 1
    assert set(opened(behaviour_policy="bts")["weight"].to_pylist()) == {1.0}


def test_a_uniform_choice_needs_no_weights():
    weighted = opened(importance_weights=True)
    assert weighted["weight"].to_numpy() == pytest.approx(np.ones(10_000))


def test_samples_chosen_otherwise_have_another_name():
    names = {
        open_source("open-bandit", **options).name
        for options in ({}, {"campaign": "men"}, {"behaviour_policy": "bts"})
    }
    assert names == {"open-bandit/random/all", "open-bandit/random/men", "open-bandit/bts/all"}
    weighted = open_source("open-bandit", importance_weights=True)
    assert weighted.name == "open-bandit/random/all/weighted"


def test_what_there_is_no_file_of_is_refused_with_what_there_is():
    with pytest.raises(SourceMissing, match=r"campaigns all, men, women .* got 'pets'"):
        opened(campaign="pets")


def test_options_of_open_bandit_go_with_no_other_source():
    with pytest.raises(SourceMissing, match="ml-100k has no behaviour policy, campaign"):
        open_source("ml-100k", campaign="men", behaviour_policy="bts")


def test_a_schema_with_a_field_that_is_not_there_is_refused():
    with pytest.raises(ParseError, match="has no field 'user' of type"):
        opened(SampleSchema(user="user"))


def test_without_obp_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(open_bandit, "find_spec", lambda name: None)
    with pytest.raises(SourceMissing, match=r"pip install --no-deps obp==0.4.1$"):
        opened()


def test_the_sentence_names_the_version_that_is_pinned():
    pins = (Path(__file__).parents[4] / "requirements-data.txt").read_text().splitlines()
    assert "obp==0.4.1" in pins


def test_obp_is_found_without_being_imported(samples):
    assert "obp" not in sys.modules
