"""Every address of the pages with every role: whoever may not is told so, and nothing changes."""

from dataclasses import dataclass, field

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.urls import urlpatterns
from updates.models import AuditEvent

ROLES = ["outsider", "viewer", "operator", "admin"]


@dataclass(frozen=True)
class Page:
    """Who may at least, and how it is asked for; ``of``: what its address names."""

    role: str
    method: str = "get"
    of: dict = field(default_factory=dict)


ONE = {"slug": "news"}
POLICY = ONE | {"name": "hourly"}
VERSION = ONE | {"number": 1}
RUN = ALERT = VIEW = {"pk": 1}
# Nobody has logged in yet there, or they look after themselves.
OPEN = {"login", "logout", "prometheus"}
PAGES = {
    "fleet": Page("viewer"),
    "save-view": Page("viewer", "post"),
    "delete-view": Page("viewer", "post", VIEW),
    "workers": Page("viewer"),
    "audit": Page("operator"),
    "alerts": Page("viewer"),
    "alert": Page("viewer", of=ALERT),
    "alert-acknowledge": Page("operator", "post", ALERT),
    "silence": Page("operator", "post", ONE),
    "recommender": Page("viewer", of=ONE),
    "headline": Page("viewer", of=ONE),
    "joining": Page("viewer", of=ONE),
    "devices": Page("viewer", of=ONE),
    "servers": Page("viewer", of=ONE),
    "features": Page("viewer", of=ONE),
    "recommender-drift": Page("viewer", of=ONE),
    "recommender-sparsity": Page("viewer", of=ONE),
    "what-if": Page("viewer", of=ONE),
    "what-if-ask": Page("operator", "post", ONE),
    "what-if-cancel": Page("operator", "post", ONE | {"pk": 1}),
    "start-update": Page("operator", "post", ONE),
    "rollback": Page("operator", "post", ONE),
    "challengers": Page("viewer", of=ONE),
    "adopt": Page("operator", "post", ONE),
    "thaw": Page("operator", "post", ONE),
    "quarantines": Page("viewer", of=ONE),
    "quarantine-outlook": Page("operator", "post", ONE),
    "quarantine": Page("operator", "post", ONE),
    "quarantine-undo": Page("operator", "post", ONE),
    "quarantine-again": Page("operator", "post", ONE),
    "policy": Page("viewer", of=POLICY),
    "policy-cadence": Page("operator", of=POLICY),
    "policy-pause": Page("operator", "post", POLICY),
    "policy-resume": Page("operator", "post", POLICY),
    "policy-lift-hold": Page("operator", "post", POLICY),
    "policy-run": Page("operator", "post", POLICY),
    "versions-compare": Page("viewer", of=ONE),
    "version": Page("viewer", of=VERSION),
    "version-weights": Page("viewer", of=VERSION),
    "version-explanation": Page("viewer", of=VERSION),
    "version-proof": Page("viewer", of=VERSION),
    "version-prove": Page("operator", "post", VERSION),
    "roll-back-cost": Page("operator", of=VERSION),
    "version-promote": Page("operator", "post", VERSION),
    "version-canary": Page("operator", "post", VERSION),
    "version-canary-end": Page("operator", "post", VERSION),
    "feed": Page("viewer"),
    "feed-flash": Page("operator", "post"),
    "demo": Page("operator", of=ONE),
    "demo-token": Page("operator", of=ONE),
    "run": Page("viewer", of=RUN),
    "run-cancel": Page("operator", "post", RUN),
}
BELOW = [(name, role) for name in PAGES for role in ROLES[: ROLES.index(PAGES[name].role)]]
READ = [name for name, wanted in PAGES.items() if wanted.method == "get"]


def ask(client, name):
    wanted = PAGES[name]
    return getattr(client, wanted.method)(reverse(name, kwargs=wanted.of))


@pytest.fixture
def clients(client, as_outsider, as_viewer, as_operator, as_admin):
    return {
        "nobody": client,
        "outsider": as_outsider,
        "viewer": as_viewer,
        "operator": as_operator,
        "admin": as_admin,
    }


def test_every_address_is_here():
    assert {pattern.name for pattern in urlpatterns} == PAGES.keys() | OPEN


@pytest.mark.parametrize("name", PAGES)
def test_without_an_account_one_is_asked_to_log_in(name, client, db):
    answer = ask(client, name)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")


@pytest.mark.parametrize(("name", "role"), BELOW)
def test_a_lower_role_is_refused_and_nothing_changes(name, role, clients):
    before = AuditEvent.objects.count()
    answer = ask(clients[role], name)
    assert answer.status_code == 403
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("name", READ)
def test_the_least_role_is_let_in(name, clients):
    # Nothing is there in an empty database; what matters is that the role is not what is missing.
    assert ask(clients[PAGES[name].role], name).status_code in (200, 404)


@pytest.mark.parametrize("name", sorted(set(PAGES) - set(READ)))
def test_what_changes_something_is_not_done_by_a_link(name, as_admin):
    assert as_admin.get(reverse(name, kwargs=PAGES[name].of)).status_code == 405


@pytest.mark.parametrize("name", sorted(set(PAGES) - set(READ)))
def test_what_changes_something_needs_the_form_s_token(name, admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert ask(strict, name).status_code == 403


def test_no_page_may_be_framed_or_run_inline_scripts(as_viewer):
    headers = as_viewer.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
