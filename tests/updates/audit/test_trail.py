"""Each change is written down once: who, what, when, why, before and after."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from knox.models import get_token_model

from monitoring.models import AlertChannel, Silence
from updates.cadence import Cadence, Trigger
from updates.flows.cancel import cancel
from updates.flows.change_cadence import change_cadence
from updates.flows.create_policy import create_policy
from updates.flows.delete_recommender import delete_recommender
from updates.flows.promote import promote
from updates.flows.roll_back import roll_back
from updates.flows.trigger import trigger
from updates.models import AuditEvent, UpdatePolicy
from updates.models.append_only import AppendOnlyError


@pytest.fixture
def policy(recommender):
    return create_policy(
        UpdatePolicy(
            recommender=recommender,
            name="hourly",
            strategy="incremental",
            trigger="interval",
            interval_seconds=3600,
        )
    )


@pytest.fixture
def newest():
    """The line that was written last, as (who, what was done, to what)."""

    def line():
        event = AuditEvent.objects.first()
        return event.actor, event.action, event.subject

    return line


def test_a_recommender_is_created_changed_and_deleted(recommender, newest):
    assert newest() == ("", "created", "recommender news")
    recommender.grace_seconds = 77
    recommender.save()
    event = AuditEvent.objects.first()
    assert (event.action, event.after) == ("changed", {"grace_seconds": 77})
    assert event.changes[0][0] == "grace_seconds"
    delete_recommender(recommender)
    kept = AuditEvent.objects.filter(recommender="news", action="deleted").first()
    assert kept.before["slug"] == "news"


def test_saving_without_a_change_writes_nothing(recommender):
    count = AuditEvent.objects.count()
    recommender.save()
    assert AuditEvent.objects.count() == count


def test_a_cadence_change_says_what_it_was_and_what_it_is(policy, operator):
    change_cadence(policy, Cadence(Trigger.INTERVAL, interval_seconds=60), by=operator)
    event = AuditEvent.objects.first()
    assert (event.actor, event.subject) == ("operator", "policy hourly")
    assert (event.before, event.after) == ({"interval_seconds": 3600}, {"interval_seconds": 60})


def test_an_update_asked_for_and_cancelled_names_who_and_why(recommender, operator):
    run = trigger(recommender, strategy="full", requested_by=operator, reason="new catalogue")
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.why) == ("operator", "triggered", "new catalogue")
    cancel(run, by=operator, reason="wrong window")
    event = AuditEvent.objects.first()
    assert (event.action, event.why) == ("cancelled", "wrong window")


def test_what_a_policy_does_is_the_policy_s(recommender, live, policy, append, update):
    append(recommender, 100)
    update(recommender, policy)
    made = AuditEvent.objects.filter(actor_kind="policy").values_list("actor", "action", "subject")
    assert ("hourly", "promoted", "version 2") in list(made)


def test_promotions_and_roll_backs_say_what_was_live(recommender, live, append, update, operator):
    append(recommender, 100)
    second = update(recommender, "incremental").result_version
    roll_back(recommender, to=live, reason="bad clicks", by=operator)
    event = AuditEvent.objects.first()
    assert (event.action, event.why) == ("rolled-back", "bad clicks")
    assert (event.before, event.after) == ({"live_version": 2}, {"live_version": 1})
    promote(second, reason="they were good", by=operator)
    assert AuditEvent.objects.first().action == "promoted"


def test_a_change_that_is_undone_is_not_in_the_trail(recommender):
    count = AuditEvent.objects.count()
    with pytest.raises(RuntimeError), transaction.atomic():
        trigger(recommender, strategy="full")
        raise RuntimeError
    assert AuditEvent.objects.count() == count


def test_tokens_are_named_by_their_user_without_the_secret(operator, newest):
    _, secret = get_token_model().objects.create(user=operator)
    assert newest() == ("operator", "created", "token of operator")
    get_token_model().objects.all().delete()
    assert newest()[1:] == ("deleted", "token of operator")
    trail = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert secret not in trail
    assert secret[:8] not in trail


def test_roles_and_passwords_of_users_are_changes_without_the_password(viewer, newest):
    viewer.groups.add(Group.objects.get(name="admin"))
    event = AuditEvent.objects.first()
    assert (event.subject, event.after) == ("user viewer", {"roles": ["admin"]})
    viewer.set_password("a-long-secret-of-its-own")
    viewer.save()
    event = AuditEvent.objects.first()
    assert (event.why, event.before, event.after) == ("password changed", {}, {})
    viewer.is_active = False
    viewer.save()
    assert AuditEvent.objects.first().after == {"is_active": False}


def test_logging_in_is_no_change(viewer, as_viewer):
    count = AuditEvent.objects.count()
    User.objects.get(pk=viewer.pk).save(update_fields=["last_login"])
    assert AuditEvent.objects.count() == count


def test_channels_and_silences_are_written_down_without_addresses(recommender, operator):
    channel = AlertChannel.objects.create(name="chat", address="json://u:secret@chat.test/")
    assert AuditEvent.objects.first().subject == "channel chat"
    channel.address = "json://u:other-secret@chat.test/"
    channel.save()
    event = AuditEvent.objects.first()
    assert event.before["address"] != event.after["address"]
    assert "secret" not in json.dumps([event.before, event.after])
    until = timezone.now() + timedelta(hours=1)
    Silence.objects.create(recommender=recommender, until=until, reason="moving", by=operator)
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.why) == ("operator", "silenced", "moving")


def test_the_trail_outlives_who_made_it(recommender, operator):
    trigger(recommender, strategy="full", requested_by=operator)
    operator.delete()
    assert AuditEvent.objects.filter(actor="operator", action="triggered").exists()


def test_nothing_of_it_can_be_changed_or_deleted(recommender):
    event = AuditEvent.objects.first()
    for forbidden in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(why="nothing"),
    ):
        with pytest.raises(AppendOnlyError):
            forbidden()


def test_the_database_itself_refuses_a_change(recommender):
    with (
        pytest.raises(DatabaseError, match="history"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE updates_auditevent SET why = 'nothing'")
