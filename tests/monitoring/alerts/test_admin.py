"""Channels are configured in the admin; their addresses are entered and never shown."""

import pytest

from monitoring.models import AlertChannel
from tests.monitoring.conftest import text

ADD = "/admin/monitoring/alertchannel/add/"
SECRETS = ("secret-word", "hidden-path")


def change(channel):
    return f"/admin/monitoring/alertchannel/{channel.pk}/change/"


def test_an_admin_adds_a_channel(as_admin, receiver, db):
    entered = {"name": "pager", "new_address": receiver.address, "min_severity": "warning"}
    as_admin.post(ADD, entered | {"enabled": "on"})
    assert AlertChannel.objects.get().address == receiver.address


@pytest.mark.parametrize(
    ("address", "said"), [("", "Where are alerts to be sent?"), ("nonsense", "does not understand")]
)
def test_a_channel_without_an_address_is_refused(as_admin, db, address, said):
    entered = {"name": "pager", "new_address": address, "min_severity": "warning"}
    assert said in text(as_admin.post(ADD, entered))
    assert not AlertChannel.objects.exists()


def test_an_address_is_shown_to_nobody(as_admin, as_viewer, channel):
    for browser in (as_admin, as_viewer):
        for page in ("/admin/monitoring/alertchannel/", change(channel)):
            shown = browser.get(page).content.decode()
            assert "fingerprint" in shown
            assert all(secret not in shown for secret in SECRETS)


def test_a_change_without_a_new_address_leaves_it(as_admin, channel, receiver):
    entered = {"name": "pager 2", "new_address": "", "min_severity": "critical", "enabled": "on"}
    as_admin.post(change(channel), entered)
    channel.refresh_from_db()
    assert (channel.name, channel.min_severity) == ("pager 2", "critical")
    assert channel.address == receiver.address
    as_admin.post(change(channel), entered | {"new_address": "json://example.com/"})
    channel.refresh_from_db()
    assert channel.address == "json://example.com/"


def test_a_test_message_is_sent_and_a_refusal_said(as_admin, channel, receiver, settings):
    ask = {"action": "send_test", "_selected_action": [channel.pk]}
    page = "/admin/monitoring/alertchannel/"
    assert "has taken the test message" in text(as_admin.post(page, ask, follow=True))
    assert receiver.titles == ["recadmin: a test"]
    settings.ALERT_PRIVATE_ADDRESSES = False
    assert "is a private one" in text(as_admin.post(page, ask, follow=True))


def test_an_operator_may_not_change_a_channel(as_operator, channel):
    assert as_operator.post(change(channel), {"name": "x"}).status_code == 403
    assert as_operator.get(ADD).status_code == 403
