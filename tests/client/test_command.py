"""The command ``recadmin`` before the real application."""

import json

import httpx
import pytest
from knox.models import AuthToken

from recadmin_client import command
from recadmin_client import retries as retry
from updates.flows.execute import execute
from updates.models import UpdateRun


@pytest.fixture
def recadmin(client, monkeypatch, operator, capsys):
    """``recadmin("status")``: exit code, output and errors."""
    from recadmin.wsgi import application

    _, token = AuthToken.objects.create(user=operator)
    monkeypatch.setenv("RECADMIN_URL", "http://testserver")
    monkeypatch.setenv("RECADMIN_TOKEN", token)
    connect = command.Client

    def served(url, token):
        return connect(url, token, transport=httpx.WSGITransport(app=application))

    monkeypatch.setattr(command, "Client", served)

    def call(*arguments):
        code = command.main(arguments)
        captured = capsys.readouterr()
        assert token not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def worker(monkeypatch):
    def work(seconds):
        for run in UpdateRun.objects.filter(state="queued"):
            execute(run.pk, "test")

    monkeypatch.setattr(retry, "wait", work)


def lines(text):
    return [line.split() for line in text.splitlines()]


def test_the_fleet_is_a_table(recadmin, live, make_recommender):
    make_recommender("films")
    code, out, _ = recadmin("status")
    assert code == 0
    head, *rows = lines(out)
    assert head[:4] == ["RECOMMENDER", "LEARNER", "LIVE", "STATE"]
    shown = {row[0]: row[1:4] for row in rows}
    assert shown["films"] == ["sparse_linear", "–", "unknown"]
    assert shown["news"] == ["sparse_linear", "v1", "idle"]


def test_freshness_ends_with_1_where_something_is_stale(recadmin, live, append, recommender):
    assert recadmin("freshness")[0] == 0
    append(recommender, 10)
    code, out, _ = recadmin("freshness")
    assert code == 1
    assert lines(out)[1][:2] == ["news", "stale"]
    assert recadmin("freshness", "news")[0] == 1


def test_freshness_is_json_for_programs(recadmin, live):
    [(slug, fresh)] = json.loads(recadmin("freshness", "--json")[1]).items()
    assert (slug, fresh["state"], fresh["backlog_samples"]) == ("news", "idle", 0)
    one = json.loads(recadmin("freshness", "news", "--json")[1])["news"]
    assert one["live_version"] == 1
    assert one["watermark"] == live.watermark.isoformat()


def test_an_error_ends_with_2_and_a_sentence(recadmin, live):
    code, out, err = recadmin("freshness", "nothing")
    assert (code, out) == (2, "")
    assert err == "recadmin: 404: There is nothing at this address.\n"


def test_an_error_names_the_field_that_it_is_about(recadmin, live):
    code, _, err = recadmin("rollback", "news", "9", "--reason", "x")
    assert code == 2
    assert err == "recadmin: 400: to: There is no version 9.\n"


def test_an_update_is_started_and_waited_for(recadmin, live, append, recommender, worker):
    append(recommender, 200)
    code, out, _ = recadmin("update", "news", "--strategy", "full", "--wait")
    assert code == 0
    assert "queued" in out.splitlines()[0]
    assert "promoted, v2" in out.splitlines()[1]


def test_an_update_in_vain_ends_with_1(recadmin, live, append, recommender, worker):
    recommender.policies.create(
        name="strict", strategy="incremental", interval_seconds=60, min_samples=10**6
    )
    append(recommender, 200)
    code, out, _ = recadmin("update", "news", "--policy", "strict", "--wait")
    assert code == 1
    assert "rejected" in out or "failed" in out


def test_an_update_that_takes_too_long_to_wait_for_ends_with_2(recadmin, live, waits):
    code, _, err = recadmin("update", "news", "--strategy", "full", "--wait", "--timeout", "0")
    assert code == 2
    assert "is queued after 0 s" in err


def test_a_version_is_made_live_again(recadmin, live, append, recommender, update):
    append(recommender, 200)
    update(recommender)
    code, out, _ = recadmin("rollback", "news", "1", "--reason", "clicks fell")
    assert (code, out) == (0, "v1 is live, in place of v2\n")


def test_runs_are_a_table(recadmin, live, recommender, update):
    update(recommender)
    head, *rows = lines(recadmin("runs", "--recommender", "news", "--limit", "1")[1])
    assert head[0] == "RUN"
    assert [row[1:4] for row in rows] == [["news", "full", "promoted"]]
    assert lines(recadmin("runs", "--state", "failed")[1]) == [head]


def test_a_server_that_is_not_there_ends_with_2(monkeypatch, capsys, waits):
    monkeypatch.setenv("RECADMIN_TOKEN", "secret")
    assert command.main(["--url", "http://127.0.0.1:9", "status"]) == 2
    assert capsys.readouterr().err.startswith("recadmin: GET http://127.0.0.1:9: ")


@pytest.mark.parametrize("missing", ["RECADMIN_URL", "RECADMIN_TOKEN"])
def test_without_an_address_or_a_token_it_says_what_is_missing(missing, monkeypatch, capsys):
    monkeypatch.setenv("RECADMIN_URL", "http://testserver")
    monkeypatch.setenv("RECADMIN_TOKEN", "secret")
    monkeypatch.delenv(missing)
    with pytest.raises(SystemExit) as ended:
        command.main(["status"])
    assert ended.value.code == 2
    assert missing in capsys.readouterr().err


def test_help_does_not_show_the_token(monkeypatch, capsys):
    monkeypatch.setenv("RECADMIN_TOKEN", "secret-token")
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "secret-token" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (59.4, "59 s"), (90, "1.5 min"), (7200, "2.0 h"), (172_800, "2.0 d")],
)
def test_durations_are_in_the_largest_unit(seconds, words):
    from recadmin_client.table import duration

    assert duration(seconds) == words


NIGHTLY = ["report", "ours", "--name", "nightly", "--watermark", "2026-01-01T00:00:00+00:00"]


def test_a_model_that_was_made_elsewhere_is_reported(recadmin, make_recommender, valkey):
    ours = make_recommender("ours", "monitored")
    more = ["--metric", "auc=0.7", "--uri", "s3://models/1", "--sha256", "0" * 64]
    for _ in range(2):
        assert recadmin(*NIGHTLY, *more)[:2] == (0, "v1 nightly: live\n")
    assert ours.versions.get().metrics["reported"] == {"auc": 0.7}


def test_another_model_under_the_same_name_is_refused(recadmin, make_recommender, valkey):
    make_recommender("ours", "monitored")
    recadmin(*NIGHTLY)
    code, _, problem = recadmin(*NIGHTLY, "--metric", "auc=0.7")
    assert code == 2
    assert "Version 1 is named nightly" in problem


@pytest.mark.parametrize(
    "wrong", [["--watermark", "2026-01-01T00:00:00"], ["--watermark", "noon"], ["--metric", "auc"]]
)
def test_a_report_that_cannot_be_read_is_not_sent(recadmin, wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        recadmin(*NIGHTLY, *wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err
