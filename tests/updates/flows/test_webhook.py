"""A trainer that recadmin calls: one signed request, tried again, and nowhere it may not go."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from tests.updates.api.conftest import Caller
from tests.updates.trainer import Trainer
from updates import signing
from updates.flows.cancel import cancel
from updates.flows.execute import execute
from updates.flows.external.reports import hear
from updates.flows.trigger import trigger
from updates.models import Assignment, UpdateRun
from updates.scheduling import tick


@pytest.fixture
def receiver():
    """A real HTTP server; ``status`` is what it answers, ``got`` what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), body))
            self.send_response(server.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 202
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ours(db, make_recommender, append, receiver, settings):
    settings.EXTERNAL_PRIVATE_ADDRESSES = True
    url = f"http://127.0.0.1:{receiver.server_port}/train?team=ours"
    options = {"runner": "webhook", "url": url, "lease_seconds": 60}
    recommender = make_recommender("ours", "external", learner_options=options)
    append(recommender, 100)
    return recommender


@pytest.fixture
def call(ours):
    """Trigger an update and have a worker call the trainer."""
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    return UpdateRun.objects.get(pk=run.pk)


def again_after(run, seconds):
    """A worker looks at it so long from now; the run as it is then."""
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False):
        tick()
        execute(run.pk, "test")
    return UpdateRun.objects.get(pk=run.pk)


def test_the_trainer_is_called_once_with_the_run_signed(call, receiver, capsys):
    assert (call.state, call.attempt) == ("running", 1)
    ((path, headers, body),) = receiver.got
    assert path == "/train?team=ours"
    assert json.loads(body)["holdout"] == {"first_offset": 81, "next_offset": 101}
    assert headers["Recadmin-Run"] == f"{call.pk}/1"
    call_command("webhook_secret", "ours")
    secret = capsys.readouterr().out.strip()
    expected = signing.signature(secret, body, int(headers["Recadmin-Timestamp"]))
    assert headers["Recadmin-Signature"] == f"v1={expected}"
    assert again_after(call, 30).state == "running"
    assert len(receiver.got) == 1


def test_the_called_trainer_reports_and_publishes(call, receiver, operator):
    ((_, _, body),) = receiver.got
    trainer = Trainer(Caller(operator), json.loads(body))
    assert trainer.progress(phase="learning").status_code == 200
    run = trainer.publish(predictions=trainer.predictions()).json()
    assert run["state"] == "promoted", run["error"]


def test_a_signature_is_of_the_secret_the_body_and_the_time():
    one = signing.signature("secret", b"{}", 1)
    others = [("other", b"{}", 1), ("secret", b"{ }", 1), ("secret", b"{}", 2)]
    assert one not in [signing.signature(*other) for other in others]
    assert signing.secret_of("ours", 1) != signing.secret_of("ours", 2)


def test_a_trainer_that_is_down_is_called_again_later_and_later(ours, receiver):
    receiver.status = 503
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    first = Assignment.objects.get()
    assert (first.deliveries, first.run.state) == (1, "running")
    assert again_after(run, 1).state == "running"
    assert len(receiver.got) == 1
    again_after(run, 8)
    assert len(receiver.got) == 2
    receiver.status = 200
    again_after(run, 40)
    assert Assignment.objects.get().deliver_at is None
    bodies = {body for _, _, body in receiver.got}
    assert len(receiver.got) == 3
    assert len(bodies) == 1


def test_a_trainer_that_stays_down_fails_the_run(ours, receiver):
    receiver.status = 500
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    while Assignment.objects.get().run.state == "running":
        assignment = Assignment.objects.get()
        with time_machine.travel(assignment.deliver_at, tick=False):
            execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error == "The trainer was not reached after 7 calls: It answered 500."


def test_a_trainer_that_has_reported_is_not_called_again(ours, receiver):
    receiver.status = 503
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    hear(run, 1, phase="learning")
    assert again_after(run, 20).state == "running"
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [400, 404, 302, 307])
def test_a_refusal_or_a_redirect_ends_it_at_once(ours, receiver, status):
    receiver.status = status
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert (run.state, run.error) == (
        "failed",
        f"The trainer was not reached: It answered {status}.",
    )
    assert [path for path, _, _ in receiver.got] == ["/train?team=ours"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_not_called_unless_settings_allow_it(
    ours, receiver, settings, host, monkeypatch
):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{receiver.server_port}")
    settings.EXTERNAL_PRIVATE_ADDRESSES = False
    ours.learner_options["url"] = f"http://{host}:{receiver.server_port}/"
    ours.save()
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "failed"
    assert "EXTERNAL_PRIVATE_ADDRESSES" in run.error
    assert receiver.got == []


def test_a_worker_that_dies_at_the_call_is_followed_by_another(ours, receiver, monkeypatch):
    run = trigger(ours, strategy="full")

    class Killed(BaseException):
        pass

    def die(*args):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("updates.flows.external.webhook.post", die)
        with pytest.raises(Killed):
            execute(run.pk, "test")
    assert again_after(run, 31).state == "running"
    assert len(receiver.got) == 1


def test_a_cancelled_run_is_not_called(ours, receiver):
    receiver.status = 503
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    cancel(run)
    assert again_after(run, 20).state == "cancelled"
    assert len(receiver.got) == 1


def test_an_update_without_samples_is_rejected_and_nobody_is_called(make_recommender, valkey):
    options = {"runner": "webhook", "url": "https://ml.example.com"}
    run = trigger(make_recommender("new", "external", learner_options=options), strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert (run.state, run.error) == ("rejected", "The sample log is empty.")


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "ftp://x/", "http://", "gopher://x:1/", "x:y"]
)
def test_only_addresses_of_the_web_are_taken(make_recommender, url):
    options = {"runner": "webhook", "url": url}
    recommender = make_recommender("odd", "external", learner_options=options)
    with pytest.raises(ValidationError, match="url"):
        recommender.clean()
