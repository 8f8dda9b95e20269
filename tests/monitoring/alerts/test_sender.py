"""Messages go to public addresses only, and the secrets in an address go nowhere else."""

import logging
import socket

import pytest

from monitoring.alerts.deliver import deliver
from monitoring.alerts.evaluate import evaluate
from monitoring.alerts.sender import NotDelivered, send, service_of
from monitoring.models import AlertChannel, Notification
from tests.monitoring.alerts.conftest import STALE_AT


def test_a_private_address_is_refused_unless_settings_allow_it(receiver, settings):
    settings.ALERT_PRIVATE_ADDRESSES = False
    with pytest.raises(NotDelivered, match="ALERT_PRIVATE_ADDRESSES"):
        send(receiver.address, "title", "body", "info")
    assert receiver.messages == []
    settings.ALERT_PRIVATE_ADDRESSES = True
    send(receiver.address, "title", "body", "info")
    assert receiver.titles == ["title"]


def test_a_name_that_resolves_to_a_private_address_is_refused_too(receiver, settings):
    settings.ALERT_PRIVATE_ADDRESSES = False
    with pytest.raises(NotDelivered, match="private"):
        send(f"json://localhost:{receiver.port}/", "title", "body", "info")
    mail = f"mailto://ann:word@localhost:{receiver.port}/?mode=insecure&to=bob@example.com"
    with pytest.raises(NotDelivered, match="private"):
        send(f"{mail}&smtp=localhost", "title", "body", "info")


def test_the_process_may_connect_where_it_likes_beside_the_sending(receiver, settings):
    settings.ALERT_PRIVATE_ADDRESSES = False
    with pytest.raises(NotDelivered):
        send(receiver.address, "title", "body", "info")
    socket.create_connection(("127.0.0.1", receiver.port)).close()


def test_a_redirect_is_not_followed(receiver):
    receiver.status = 307
    with pytest.raises(NotDelivered, match="did not take it"):
        send(receiver.address, "title", "body", "info")


def test_what_apprise_does_not_understand_is_refused(db):
    assert service_of("nonsense") == ""
    with pytest.raises(NotDelivered, match="understand"):
        send("nonsense", "title", "body", "info")


def test_a_secret_is_in_no_log_nor_record_nor_name(news, channel, receiver, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.go_down()
    evaluate(STALE_AT)
    evaluate(STALE_AT)
    deliver(STALE_AT)
    receiver.come_up()
    row = Notification.objects.get()
    shown = [caplog.text, row.problem, str(row), str(channel), channel.masked]
    assert "attempt 1" in caplog.text
    for secret in ("secret-word", "hidden-path"):
        assert all(secret not in text for text in shown)


def test_a_fingerprint_tells_one_address_from_another(channel, receiver):
    other = AlertChannel(name="other", address=receiver.address + "s")
    assert channel.masked.startswith("JSON, fingerprint ")
    assert channel.masked != other.masked
