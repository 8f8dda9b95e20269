"""What is tried again, how often, how patiently; and what errors say."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from recadmin_client import (
    Client,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotAuthenticated,
    NotFound,
    Problem,
    RecadminError,
    Retries,
    ServerFailed,
    TooMany,
    UnexpectedAnswer,
    Unreachable,
)
from tests.client.conftest import URL
from tests.client.scripted import Scripted, problem

SCORED = {
    "version": 3,
    "offset": 10,
    "age_seconds": 1.5,
    "stale": False,
    "fallback": None,
    "scores": [0.5],
}
APPENDED = {
    "first_offset": 1,
    "last_offset": 1,
    "accepted": 1,
    "rejected": [],
    "duplicate": False,
}
GOOD = httpx.Response(200, json=SCORED)
REFUSED = httpx.ConnectError("refused")


def client_of(server, **options):
    return Client(URL, "secret", transport=httpx.MockTransport(server), **options)


@pytest.mark.parametrize(
    "passing",
    [REFUSED, httpx.ReadTimeout("slow"), *(problem(status) for status in (429, 502, 503, 504))],
    ids=["refused", "timeout", "429", "502", "503", "504"],
)
def test_what_passes_by_itself_is_tried_again(passing, waits):
    server = Scripted(passing, passing, GOOD)
    assert client_of(server).recommender("news").score([{"user": "u"}]).scores == [0.5]
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_does_not_pass_is_not_tried_again(status, waits):
    server = Scripted(otherwise=problem(status, detail="No."))
    with pytest.raises(Problem, match="No"):
        client_of(server).recommender("news").freshness()
    assert len(server.requests) == 1


def test_after_the_last_attempt_the_reason_is_raised(waits):
    server = Scripted(otherwise=REFUSED)
    with pytest.raises(Unreachable, match="refused") as raised:
        client_of(server, retries=Retries(attempts=3)).recommender("news").freshness()
    assert len(server.requests) == 3
    assert isinstance(raised.value.__cause__, httpx.ConnectError)


def test_a_batch_keeps_its_name_and_an_order_its_key_in_every_attempt(waits):
    server = Scripted(REFUSED, REFUSED, httpx.Response(202, json=APPENDED))
    client_of(server).recommender("news").log_samples([{"label": 1}])
    assert len({request.headers["Batch-Id"] for request in server.requests}) == 1

    server = Scripted(REFUSED, REFUSED, problem(409, "writer-busy", detail="Busy."))
    with pytest.raises(Conflict):
        client_of(server).recommender("news").update(strategy="full")
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1


def test_two_calls_have_two_names(waits):
    server = Scripted(otherwise=httpx.Response(202, json=APPENDED))
    news = client_of(server).recommender("news")
    news.log_samples([{"label": 1}])
    news.log_samples([{"label": 1}])
    assert len({request.headers["Batch-Id"] for request in server.requests}) == 2


def test_waits_are_drawn_up_to_a_length_that_doubles_and_ends():
    patient = Retries(attempts=8, first_seconds=1, longest_seconds=10)
    drawn = [list(patient.pauses()) for _ in range(500)]
    longest = [max(waits) for waits in zip(*drawn, strict=True)]
    assert longest == pytest.approx([1, 2, 4, 8, 10, 10, 10], rel=0.1)
    assert min(min(waits) for waits in drawn) < 0.1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_may_ask_for_a_longer_wait(form, waits):
    soon = datetime.now(UTC) + timedelta(seconds=5.5)
    value = "5" if form == "seconds" else format_datetime(soon, usegmt=True)
    server = Scripted(problem(503, headers={"Retry-After": value}), GOOD)
    client_of(server, retries=Retries(first_seconds=0)).recommender("news").score([{}])
    assert waits == [pytest.approx(5, abs=1)]


def test_a_wait_longer_than_is_allowed_is_the_caller_s_to_decide(waits):
    server = Scripted(problem(429, "locked-out", headers={"Retry-After": "900"}))
    with pytest.raises(TooMany) as raised:
        client_of(server).recommender("news").freshness()
    assert raised.value.retry_after_seconds == 900
    assert raised.value.kind == "locked-out"
    assert waits == []


def test_a_file_is_sent_whole_in_every_attempt(waits, tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(b"weights" * 50_000)
    server = Scripted(REFUSED, problem(502), httpx.Response(201, json={}))
    client_of(server)._transport.call("PUT", "updates/1/artifact", content=file)
    assert [request.content == file.read_bytes() for request in server.requests] == [True] * 3
    assert server.requests[-1].headers["Content-Length"] == "350000"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, NotAuthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (413, Invalid),
        (415, Invalid),
        (422, Invalid),
        (429, TooMany),
        (500, ServerFailed),
        (503, ServerFailed),
        (418, Problem),
    ],
)
def test_each_kind_of_problem_is_an_exception_of_its_own(status, kind):
    server = Scripted(problem(status, "some-kind", detail="Why.", run="/api/v1/updates/7"))
    with pytest.raises(RecadminError) as raised:
        client_of(server, retries=Retries(attempts=1)).recommender("news").freshness()
    assert type(raised.value) is kind
    assert raised.value.kind == "some-kind"
    assert raised.value.more == {"run": "/api/v1/updates/7"}
    assert str(raised.value) == f"{status}: Why."


def test_an_error_names_the_rows_and_fields_at_fault():
    errors = [{"row": 3, "field": "price", "error": "must be a number"}]
    server = Scripted(problem(400, detail="row 3", errors=errors))
    with pytest.raises(Invalid) as raised:
        client_of(server).recommender("news").score([{}])
    assert raised.value.errors == (FieldError("price", "must be a number", row=3),)


def test_an_error_page_of_a_proxy_is_told_by_its_status():
    page = httpx.Response(502, text="<h1>Bad gateway</h1>")
    with pytest.raises(ServerFailed, match="502: Bad Gateway"):
        client_of(Scripted(page), retries=Retries(attempts=1)).recommender("news").freshness()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://elsewhere.example.com/"}),
        httpx.Response(200, text="<h1>Welcome</h1>"),
        httpx.Response(200, json={"state": "fresh"}),
    ],
    ids=["redirect", "page", "other JSON"],
)
def test_what_does_not_speak_as_recadmin_does_is_told_as_such(answer):
    server = Scripted(answer)
    with pytest.raises(UnexpectedAnswer):
        client_of(server).recommender("news").freshness()
    assert [request.url.host for request in server.requests] == ["testserver"]


def test_the_token_is_sent_and_never_shown(waits):
    server = Scripted(otherwise=REFUSED)
    client = client_of(server)
    with pytest.raises(Unreachable) as raised:
        client.recommender("news").freshness()
    assert server.requests[0].headers["Authorization"] == "Token secret"
    assert "secret" not in repr(client) + repr(raised.value) + str(raised.value)


def test_pages_are_followed_by_their_cursor_whatever_host_they_name():
    run = {"next": "http://inside:8000/api/v1/updates?cursor=abc%3D", "results": []}
    server = Scripted(
        httpx.Response(200, json=run), httpx.Response(200, json={**run, "next": None})
    )
    assert list(client_of(server).update_runs(recommender="news")) == []
    asked = [(str(request.url.host), dict(request.url.params)) for request in server.requests]
    assert asked[1] == ("testserver", {"recommender": "news", "page_size": "50", "cursor": "abc="})


def test_without_an_address_or_a_token_the_environment_is_said_to_lack_it(monkeypatch):
    monkeypatch.setenv("RECADMIN_URL", URL)
    monkeypatch.delenv("RECADMIN_TOKEN", raising=False)
    with pytest.raises(ValueError, match="RECADMIN_TOKEN is not set"):
        Client.from_environment()
    monkeypatch.setenv("RECADMIN_TOKEN", "secret")
    assert repr(Client.from_environment()) == f"Client({URL!r})"
