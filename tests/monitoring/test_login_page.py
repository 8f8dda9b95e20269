"""Logging in and out."""

import pytest
from django.test import Client

from tests.monitoring.conftest import text


def log_in(client, password="password", **kwargs):
    return client.post("/login/", {"username": "viewer", "password": password}, **kwargs)


def test_the_right_password_leads_to_the_fleet(viewer):
    assert log_in(Client()).url == "/"


def test_the_wrong_password_is_told(viewer):
    assert "enter a correct username and password" in text(log_in(Client(), "wrong"))


def test_after_ten_wrong_passwords_it_is_locked_and_says_for_how_long(viewer):
    client = Client()
    for _ in range(10):
        response = log_in(client, "wrong")
    assert response.status_code == 429
    assert "Try again in 15 min" in text(response)
    assert log_in(client).status_code == 429


def test_logging_out_ends_the_session(as_viewer):
    assert as_viewer.post("/logout/").url == "/login/"
    assert as_viewer.get("/").status_code == 302


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example"])
def test_a_foreign_next_address_is_not_followed(viewer, evil):
    assert log_in(Client(), query_params={"next": evil}).url == "/"
