"""Odd requests made from the description: never a 5xx, every answer as described."""

from functools import cache

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.updates.api.test_every_operation import CALLS

KNOWN = {"slug": "news", "name": "hourly", "number": 3}
WITH_INPUT = sorted(
    name
    for name, call in CALLS.items()
    if call.body or name.endswith(("_list", "_metrics_retrieve"))
)
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


@cache
def described():
    load_all_checks()
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())


@pytest.fixture(autouse=True)
def _keep_connection():
    """As Django's own test client does: the test's transaction must outlive a request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def scene(deployed, news, make_policy, make_run, valkey, monkeypatch):
    """A recommender with versions, a policy and a queued run; nobody waits for events."""
    monkeypatch.setattr("updates.flows.deployment_events.LONGEST_WAIT_SECONDS", 0)
    make_policy(news)
    return make_run(news)


def is_sent(operation_id, mode, headers, run, examples=8):
    operation = described().find_operation_by_id(operation_id)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        for name in case.path_parameters or {}:
            case.path_parameters[name] = KNOWN.get(name, run.pk)
        checks = [CHECKS.get_one(name) for name in CHECKED]
        case.call_and_validate(headers=headers, checks=checks)

    send()


def token_of(caller):
    token = caller._credentials.get("HTTP_AUTHORIZATION")
    return {"Authorization": token} if token else {}


@pytest.mark.parametrize("operation_id", sorted(CALLS.keys() - {"auth_token_destroy"}))
def test_odd_requests_get_described_answers(operation_id, scene, as_admin):
    is_sent(operation_id, GenerationMode.POSITIVE, token_of(as_admin), scene)


@pytest.mark.parametrize("role", ["nobody", "outsider", "viewer", "operator"])
@pytest.mark.parametrize("operation_id", sorted(CALLS.keys() - {"auth_token_destroy"}))
def test_who_may_not_gets_described_answers_too(operation_id, role, scene, callers):
    is_sent(operation_id, GenerationMode.POSITIVE, token_of(callers[role]), scene, examples=2)


@pytest.mark.parametrize("operation_id", WITH_INPUT)
def test_broken_requests_get_described_answers(operation_id, scene, as_admin):
    is_sent(operation_id, GenerationMode.NEGATIVE, token_of(as_admin), scene)
