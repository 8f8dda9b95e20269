"""Alerts reach a real receiver once a transition, also one that was down."""

from datetime import timedelta

import pytest

from monitoring.alerts.channels import SENDING_MAY_TAKE
from monitoring.alerts.deliver import deliver
from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.kinds import CLEAR_FOR
from monitoring.models import Alert, AlertChannel, Notification, Silence
from tests.monitoring.alerts.conftest import STALE_AT

SECOND = timedelta(seconds=1)
FIRED_AT = STALE_AT + SECOND


@pytest.fixture
def fired(news, channel):
    """An alert that has just fired."""
    evaluate(STALE_AT)
    evaluate(FIRED_AT)
    return Alert.objects.get()


def mend(news, make_live):
    """It is right again, and the alert resolved."""
    make_live(news, watermark=STALE_AT)
    evaluate(FIRED_AT + CLEAR_FOR)


def test_it_says_what_since_when_against_what_what_was_tried_and_where(fired, receiver, settings):
    settings.PUBLIC_URL = "https://recadmin.example"
    deliver(FIRED_AT)
    [message] = receiver.messages
    assert message["title"] == "News: firing: stale: samples wait to be learned"
    assert message["type"] == "failure"
    for said in (
        "What: Stale, age 2 h; 10 samples wait.",
        "Since: 2026-03-01 13:10:00 UTC",
        "Objective: age at most 1 h, grace 10 min",
        "Tried: No update was ever run.",
        f"https://recadmin.example/alerts/{fired.pk}/",
        "https://recadmin.example/recommenders/news/",
    ):
        assert said in message["message"]


def test_each_transition_is_told_once_however_often_it_is_delivered(
    fired, receiver, news, make_live, operator
):
    for _ in range(3):
        deliver(FIRED_AT)
    fired.acknowledge(operator, "on it")
    mend(news, make_live)
    for _ in range(3):
        deliver(FIRED_AT + timedelta(days=3650))
    assert len(receiver.messages) == 2
    assert receiver.titles[1] == "News: 2 changes of alerts"
    assert "By operator: on it" in receiver.messages[1]["message"]
    assert "It lasted 52 min" in receiver.messages[1]["message"]


def test_a_receiver_that_was_down_gets_it_once_it_is_back(fired, receiver):
    receiver.go_down()
    deliver(FIRED_AT)
    row = Notification.objects.get()
    assert (row.state, row.attempts) == ("waiting", 1)
    assert row.problem == "The receiver did not answer, or did not take it."
    receiver.come_up()
    deliver(FIRED_AT + 14 * SECOND)  # it waits before it tries again
    assert receiver.messages == []
    deliver(FIRED_AT + 15 * SECOND)
    deliver(FIRED_AT + 60 * SECOND)
    assert len(receiver.messages) == 1
    assert Notification.objects.get().state == "sent"


def test_a_receiver_that_refuses_is_tried_less_and_less_often_and_then_given_up(fired, receiver):
    receiver.status = 500
    moment, waits = FIRED_AT, []
    while Notification.objects.get().state == "waiting":
        deliver(moment)
        row = Notification.objects.get()
        waits.append((row.due_at - moment).total_seconds())
        moment = row.due_at
    assert waits[:9] == [15, 30, 60, 120, 240, 480, 960, 1920, 3600]
    assert (row.state, len(waits)) == ("given-up", 20)


def test_nothing_overtakes_what_could_not_be_sent_yet(fired, receiver, news, make_live, operator):
    receiver.go_down()
    deliver(FIRED_AT)
    fired.acknowledge(operator, "on it")
    deliver(FIRED_AT + SECOND)
    receiver.come_up()
    deliver(FIRED_AT + timedelta(days=3650))
    [message] = receiver.messages
    assert message["message"].index("FIRING") < message["message"].index("ACKNOWLEDGED")


def test_two_that_deliver_at_once_send_once(fired, receiver):
    row = Notification.objects.get()
    assert row.claim(FIRED_AT)
    assert not row.claim(FIRED_AT)
    deliver(FIRED_AT)
    assert receiver.messages == []


def test_what_a_process_that_died_was_sending_is_sent_again(fired, receiver):
    Notification.objects.get().claim(FIRED_AT)
    deliver(FIRED_AT + SENDING_MAY_TAKE)
    assert len(receiver.messages) == 1


def test_alerts_of_one_recommender_come_in_one_message(news, channel, receiver, make_recommender):
    for kind in ("backlog", "no-traffic"):
        Alert.objects.create(
            recommender=news,
            kind=kind,
            severity="warning",
            since=STALE_AT,
            held_at=STALE_AT,
            summary="wrong",
            objective="right",
        ).fire(FIRED_AT, tried="nothing")
    deliver(FIRED_AT)
    assert receiver.titles == ["News: 2 changes of alerts"]
    assert receiver.messages[0]["type"] == "warning"


def test_a_channel_hears_only_what_is_severe_enough_and_of_its_recommenders(
    news, receiver, make_recommender
):
    other = make_recommender(slug="other")

    def add(name, severity, *of):
        found = AlertChannel.objects.create(
            name=name, address=receiver.address, min_severity=severity
        )
        found.recommenders.set(of)

    add("all", "info")
    add("ours", "critical", news, other)
    add("others", "info", other)
    add("severe", "critical")
    told = AlertChannel.told_of(news.pk, "warning")
    assert [channel.name for channel in told] == ["all"]
    told = AlertChannel.told_of(news.pk, "critical")
    assert [channel.name for channel in told] == ["all", "ours", "severe"]


@pytest.fixture
def silence(news, operator):
    """Two hours."""
    return Silence.objects.create(
        recommender=news, until=STALE_AT + timedelta(hours=2), reason="moving", by=operator
    )


def test_in_silence_it_fires_untold_and_is_told_when_the_silence_ends(silence, fired, receiver):
    deliver(FIRED_AT)
    assert (fired.state, receiver.messages) == ("firing", [])
    deliver(silence.until)
    assert receiver.titles == ["News: firing: stale: samples wait to be learned"]


def test_what_began_and_ended_in_silence_is_never_told(silence, fired, receiver, news, make_live):
    deliver(FIRED_AT)
    mend(news, make_live)
    deliver(FIRED_AT + CLEAR_FOR)
    deliver(silence.until)
    assert receiver.messages == []
    assert {row.state for row in Notification.objects.all()} == {"dropped"}


def test_what_ends_just_after_the_silence_is_not_told_either(
    silence, fired, receiver, news, make_live
):
    deliver(FIRED_AT)
    Silence.objects.all().delete()
    mend(news, make_live)
    deliver(silence.until)
    assert receiver.messages == []


def test_a_channel_that_was_switched_off_hears_nothing(fired, receiver, channel):
    AlertChannel.objects.update(enabled=False)
    deliver(FIRED_AT)
    assert (receiver.messages, Notification.objects.get().state) == ([], "dropped")
