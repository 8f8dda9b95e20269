"""``manage.py import_samples``: each sample once, bad rows named."""

import json
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.conftest import SCHEMA, make_batch, make_rows
from updates.models import Recommender
from updates.samples.log import SampleLog

pytestmark = pytest.mark.usefixtures("db", "valkey")


@pytest.fixture
def recommender(make_recommender):
    return make_recommender()


@pytest.fixture
def file(tmp_path):
    """2,500 rows: three batches."""
    path = tmp_path / "samples.parquet"
    pq.write_table(pa.Table.from_batches([make_batch(2500)]), path)
    return path


def ndjson(path, rows):
    lines = [json.dumps(row | {"event_time": row["event_time"].isoformat()}) for row in rows]
    path.write_text("\n".join(lines))
    return path


def items(recommender):
    batches = SampleLog(recommender).read(1, 10**9)
    return [item for batch in batches for item in batch.column("item").to_pylist()]


def test_samples_land_with_their_event_times(recommender, file, capsys):
    call_command("import_samples", "news", str(file))
    (batch,) = SampleLog(recommender).read(1, 2501)
    assert batch.select(SCHEMA.arrow.names).equals(make_batch(2500))
    assert "news: 2500 samples added." in capsys.readouterr().out


@pytest.mark.parametrize("second", [[], ["--shift-to-now"], ["--until", "0.5"]])
def test_importing_again_adds_nothing_and_says_so(recommender, file, capsys, second):
    call_command("import_samples", "news", str(file))
    call_command("import_samples", "news", str(file), *second)
    assert len(items(recommender)) == 2500
    assert "0 samples added, " in capsys.readouterr().out


def test_event_times_can_be_shifted_so_that_the_newest_is_now(recommender, file):
    call_command("import_samples", "news", str(file), "--shift-to-now", "--speed", "10")
    (batch,) = SampleLog(recommender).read(1, 2501)
    times = batch.column("event_time").to_pylist()
    assert timezone.now() - times[-1] < timedelta(seconds=60)
    assert times[-1] - times[0] == timedelta(seconds=249.9)


def test_parts_make_a_whole(recommender, file):
    call_command("import_samples", "news", str(file), "--until", "0.3")
    assert len(items(recommender)) == 1000
    call_command("import_samples", "news", str(file), "--from", "0.3")
    assert items(recommender) == [f"i{i}" for i in range(2500)]


def test_good_rows_land_beside_bad_ones_which_are_named(recommender, tmp_path, capsys):
    rows = make_rows(5)
    rows[2]["price"] = "dear"
    rows[4]["label"] = 7
    call_command("import_samples", "news", str(ndjson(tmp_path / "s.ndjson", rows)))
    output = capsys.readouterr()
    assert items(recommender) == ["i0", "i1", "i3"]
    assert "row 2, field price: " in output.err and "row 4, field label: " in output.err
    assert "3 samples added, 2 rows refused" in output.out


def test_a_file_of_bad_rows_fails(recommender, tmp_path):
    rows = [row | {"label": 7} for row in make_rows(3)]
    with pytest.raises(CommandError, match="Nothing landed: 3 rows were refused"):
        call_command("import_samples", "news", str(ndjson(tmp_path / "s.ndjson", rows)))


def test_a_file_can_come_with_a_new_recommender(file):
    schema = json.dumps(SCHEMA.to_json())
    call_command("import_samples", "shop", str(file), "--create", "--schema", schema)
    assert len(items(Recommender.objects.get(slug="shop"))) == 2500


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody", "{file}"], "no recommender 'nobody'; create it in the admin"),
        (["nobody", "{file}", "--create"], "--schema: .* needs a schema"),
        (["nobody", "{file}", "--create", "--schema", "{{"], "--schema: "),
        (["not a slug", "ml-100k", "--create"], "valid “slug”"),
        (["news", "nothing.csv"], "no source 'nothing.csv'; there are ml-100k, open-bandit"),
        (["news", "{file}", "--campaign", "men"], "has no campaign"),
        (["news", "{file}", "--speed", "2"], "--speed goes with --shift-to-now"),
        (["news", "{file}", "--shift-to-now", "--speed", "0"], "above 0, got 0"),
        (["news", "{file}", "--until", "2"], "from 0 to 1, got '2'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(recommender, file, arguments, says):
    with pytest.raises(CommandError, match=says):
        call_command("import_samples", *[part.format(file=file) for part in arguments])
    assert Recommender.objects.count() == 1 and items(recommender) == []


def test_a_log_that_is_away_says_that_the_command_can_be_repeated(recommender, file, settings):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    with pytest.raises(CommandError, match="the same command goes on from there"):
        call_command("import_samples", "news", str(file))


def test_ml_100k_comes_by_name():
    call_command("import_samples", "films", "ml-100k", "--create", "--until", "0.02")
    recommender = Recommender.objects.get(slug="films")
    assert SampleLog(recommender).head().last_offset == 2000


def test_open_bandit_comes_by_name_each_campaign_and_policy_once(capsys):
    chosen = ["--campaign", "men", "--behaviour-policy", "bts"]
    for _ in range(2):
        call_command("import_samples", "shop", "open-bandit", "--create", "--until=0.2", *chosen)
    assert "0 samples added, 2000 were there from before" in capsys.readouterr().out
    call_command("import_samples", "shop", "open-bandit", "--until=0.2", "--shift-to-now")
    log = SampleLog(Recommender.objects.get(slug="shop"))
    assert log.head().last_offset == 4000
    assert timezone.now() - log.head().newest_event_time < timedelta(seconds=60)


def test_progress_is_a_line_where_there_is_no_terminal(recommender, file, capsys, monkeypatch):
    monkeypatch.setattr("updates.management.commands.import_samples.SECONDS_BETWEEN_LINES", 0)
    call_command("import_samples", "news", str(file))
    assert " 40% [############" in capsys.readouterr().err.splitlines()[0]
