"""A trainer that recadmin calls: one signed request, tried again, and nowhere it may not go."""

import json
from base64 import b64decode
from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from recadmin.webhooks import signed
from tests.receiver import Receiver
from tests.updates.api.conftest import Caller
from tests.updates.trainer import Trainer, of
from updates.flows.cancel import cancel
from updates.flows.execute import execute
from updates.flows.external.reports import hear
from updates.flows.external.webhook import key_of
from updates.flows.trigger import trigger
from updates.models import Assignment, UpdateRun
from updates.scheduling import tick


@pytest.fixture
def receiver():
    """A real HTTP server."""
    server = Receiver(status=202)
    yield server
    server.close()


def calls(receiver):
    """Bodies that it was sent."""
    return [body for _, body in receiver.received + receiver.refused]


@pytest.fixture
def ours(db, make_recommender, append, receiver, settings):
    settings.RECADMIN_OUTBOUND_ALLOW = [ip_network("127.0.0.0/8")]
    options = {"runner": "webhook", "url": receiver.url, "lease_seconds": 60}
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
    ((headers, body),) = receiver.received
    assert json.loads(body)["holdout"] == {"first_offset": 81, "next_offset": 101}
    assert headers["Webhook-Id"] == f"run-{call.pk}-1"
    call_command("webhook_secret", "ours")
    key = b64decode(capsys.readouterr().out.strip().removeprefix("whsec_"))
    again = signed(headers["Webhook-Id"], int(headers["Webhook-Timestamp"]), body, [key])
    assert headers["Webhook-Signature"] == again["Webhook-Signature"]
    assert again_after(call, 30).state == "running"
    assert len(calls(receiver)) == 1


def test_the_called_trainer_reports_and_publishes(call, receiver, operator):
    ((_, body),) = receiver.received
    trainer = Trainer(Caller(operator), json.loads(body))
    assert trainer.progress(phase="learning").status_code == 200
    run = trainer.publish(predictions=trainer.predictions()).json()
    assert run["state"] == "promoted", run["error"]


def test_each_recommender_and_number_has_a_secret_of_its_own(ours, make_recommender):
    options = ours.learner_options
    other = make_recommender("other", "external", learner_options=options)
    next_one = make_recommender("next", "external", learner_options=options | {"secret_number": 2})
    next_one.slug = "ours"
    assert len({key_of(ours), key_of(other), key_of(next_one)}) == 3


def test_a_trainer_that_is_down_is_called_again_later_and_later(ours, receiver):
    receiver.status = 503
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    first = Assignment.objects.get()
    assert (first.deliveries, first.run.state) == (1, "running")
    assert again_after(run, 1).state == "running"
    assert len(calls(receiver)) == 1
    again_after(run, 8)
    assert len(calls(receiver)) == 2
    receiver.status = 200
    again_after(run, 40)
    assert Assignment.objects.get().deliver_at is None
    bodies = set(calls(receiver))
    assert len(calls(receiver)) == 3
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
    assert len(calls(receiver)) == 1


def test_a_called_trainer_that_falls_silent_is_called_anew_and_its_old_reports_refused(
    call, receiver, operator
):
    silent = Trainer(Caller(operator), json.loads(receiver.received[0][1]))
    again_after(call, 61)
    ((_, first), (_, second)) = receiver.received
    assert [json.loads(body)["attempt"] for body in (first, second)] == [1, 2]
    assert of(silent.progress()) == (409, "attempt-over")
    assert of(silent.publish(artifact={"sha256": "4" * 64, "uri": "x"})) == (409, "attempt-over")
    following = Trainer(Caller(operator), json.loads(second))
    assert following.publish().json()["state"] == "promoted"


@pytest.mark.parametrize("status", [400, 404, 307])
def test_a_refusal_or_a_redirect_ends_it_at_once(ours, receiver, status):
    receiver.status = status
    said = ", a redirect, which is not followed" if status == 307 else ""
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert (run.state, run.error) == (
        "failed",
        f"The trainer was not reached: It answered {status}{said}.",
    )
    assert len(calls(receiver)) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_not_called_unless_settings_allow_it(
    ours, receiver, settings, host, monkeypatch
):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{receiver.port}")
    settings.RECADMIN_OUTBOUND_ALLOW = []
    ours.learner_options["url"] = f"http://{host}:{receiver.port}/"
    ours.save()
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "failed"
    assert "RECADMIN_OUTBOUND_ALLOW" in run.error
    assert calls(receiver) == []


def test_a_worker_that_dies_at_the_call_is_followed_by_another(ours, receiver, monkeypatch):
    run = trigger(ours, strategy="full")

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("updates.flows.external.webhook.post", die)
        with pytest.raises(Killed):
            execute(run.pk, "test")
    assert again_after(run, 41).state == "running"
    assert len(calls(receiver)) == 1


def test_a_cancelled_run_is_not_called(ours, receiver):
    receiver.status = 503
    run = trigger(ours, strategy="full")
    execute(run.pk, "test")
    run.refresh_from_db()
    cancel(run)
    assert again_after(run, 20).state == "cancelled"
    assert len(calls(receiver)) == 1


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
