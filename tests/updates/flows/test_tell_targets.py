"""Servers with an address are told the newest event, until they take it."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from tests.receiver import Receiver
from updates.flows.acknowledge import acknowledge
from updates.flows.deploy import deploy
from updates.flows.tell_targets import LONGEST_WAIT, tell_targets, wait_after
from updates.models import Deployment, ModelVersion, ServingTarget
from updates.store import artifacts
from updates.tasks import tell_servers

SECOND = timedelta(seconds=1)


@pytest.fixture
def receiver(settings):
    settings.RECADMIN_OUTBOUND_ALLOW = [ip_network("127.0.0.0/8")]
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def news(make_recommender):
    return make_recommender()


@pytest.fixture
def target(news, receiver):
    return ServingTarget.objects.create(recommender=news, name="edge-eu", url=receiver.url)


@pytest.fixture
def publish(news):
    """``publish()``: the next version, with files, made live; its deployment."""

    def make(kind="promotion"):
        artifact = artifacts().publish(
            lambda folder: (folder / "model.txt").write_text(str(news.versions.count())), {}
        )
        version = ModelVersion.publish(
            news,
            learner="sparse_linear",
            digest=artifact.digest,
            artifact_bytes=artifact.bytes,
            watermark=timezone.now(),
            learned_ranges=[],
            next_offset=1,
        )
        return deploy(version, kind=kind, reason="better")

    return make


def versions(receiver):
    return [json.loads(body)["version"] for _, body in receiver.received]


def test_a_deployment_is_told_signed_and_once(target, receiver, publish):
    deployment = publish()
    tell_servers()
    tell_servers()
    [(headers, body)] = receiver.received
    told = json.loads(body)
    assert (told["id"], told["kind"], told["version"]) == (deployment.pk, "promotion", 1)
    assert headers["Webhook-Id"] == f"deployment-{deployment.pk}"
    signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
    key = base64.b64decode(target.secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["Webhook-Signature"] == f"v1,{wanted}"
    target.refresh_from_db()
    assert (target.told, target.attempts, target.problem) == (deployment, 0, "")


def test_an_event_says_which_files_make_the_version(target, receiver, publish):
    version = publish().version
    tell_servers()
    files = json.loads(receiver.received[0][1])["files"]
    assert files["manifest.json"]["sha256"] == version.digest
    assert files["model.txt"] == {"sha256": hashlib.sha256(b"0").hexdigest(), "bytes": 1}


def test_a_roll_back_is_told_as_such(target, receiver, publish, news):
    first = publish().version
    publish()
    deploy(first, kind="rollback", reason="worse")
    tell_servers()
    told = json.loads(receiver.received[0][1])
    assert (told["kind"], told["version"], told["previous_version"]) == ("rollback", 1, 2)
    assert told["reason"] == "worse"


def test_what_is_not_taken_is_sent_again_after_a_wait(target, receiver, publish):
    publish()
    receiver.status = 503
    now = timezone.now()
    tell_targets(now)
    target.refresh_from_db()
    assert (target.attempts, target.problem) == (1, "It answered 503.")
    assert SECOND <= target.due_at - now <= 3 * SECOND
    receiver.status = 204
    tell_targets(target.due_at - SECOND / 10)
    assert receiver.received == []
    tell_targets(target.due_at)
    assert versions(receiver) == [1]


def test_waits_double_up_to_ten_minutes_and_differ_by_chance():
    for attempts, longest in [(1, 2 * SECOND), (4, 16 * SECOND), (50, LONGEST_WAIT)]:
        waits = {wait_after(attempts) for _ in range(20)}
        assert len(waits) > 1
        assert all(longest / 2 <= wait <= longest for wait in waits)


def test_only_the_newest_event_is_sent_and_at_once(target, receiver, publish):
    publish()
    receiver.status = 500
    tell_servers()
    publish()
    publish()
    receiver.status = 204
    tell_servers()
    assert versions(receiver) == [3]
    target.refresh_from_db()
    assert target.attempts == 0


def test_who_has_swapped_already_need_not_be_told(target, receiver, publish):
    deployment = publish()
    acknowledge(deployment, target="edge-eu", state="swapped", version=1, now=timezone.now())
    tell_servers()
    assert receiver.received == []


def test_who_is_off_or_asks_by_itself_is_sent_nothing(target, receiver, publish, news):
    ServingTarget.objects.update(enabled=False)
    ServingTarget.objects.create(recommender=news, name="asks")
    publish()
    tell_servers()
    assert receiver.received == []


def test_one_that_is_being_told_is_left_alone_until_its_teller_must_have_died(
    target, receiver, publish
):
    publish()
    now = timezone.now()
    assert target.claim(now + 60 * SECOND, now)
    assert not target.claim(now + 60 * SECOND, now)
    tell_targets(now + 59 * SECOND)
    assert receiver.received == []
    tell_targets(now + 60 * SECOND)
    assert versions(receiver) == [1]


def test_a_slow_receiver_keeps_no_other_waiting(target, receiver, publish, news):
    others = [
        ServingTarget.objects.create(recommender=news, name=f"more-{i}", url=receiver.url)
        for i in range(3)
    ]
    together = threading.Barrier(4)
    receiver.before_answer = lambda: together.wait(5)
    publish()
    tell_servers()
    # Each waited for all the others: they were asked at the same time.
    assert len(receiver.received) == 1 + len(others)


def test_a_private_address_is_not_sent_to_and_the_page_says_why(
    target, receiver, publish, settings
):
    settings.RECADMIN_OUTBOUND_ALLOW = []
    publish()
    tell_servers()
    assert receiver.received == receiver.refused == []
    target.refresh_from_db()
    assert "RECADMIN_OUTBOUND_ALLOW" in target.problem


def test_for_a_day_after_a_change_both_secrets_sign(target, receiver, publish, time_machine):
    target.rotate(timezone.now())
    publish()
    tell_servers()
    time_machine.move_to(timezone.now() + timedelta(days=1, seconds=1))
    publish()
    tell_servers()
    counts = [len(headers["Webhook-Signature"].split()) for headers, _ in receiver.received]
    assert counts == [2, 1]


def test_a_secret_is_not_in_the_database(target):
    row = ServingTarget.objects.filter(pk=target.pk).values().get()
    for secret in (target.secret.removeprefix("whsec_"), target.token.partition(".")[2]):
        assert not any(secret in str(value) for value in row.values())


def test_without_the_secret_key_the_database_gives_no_secret(target, settings):
    before = target.secret, target.token
    settings.SECRET_KEY = "another"
    assert (target.secret, target.token) != before


def test_every_deployment_is_an_event_of_its_own(publish):
    ids = [publish().pk for _ in range(3)]
    assert ids == sorted(Deployment.objects.values_list("pk", flat=True))
