"""The token of one attempt at a run: what it opens, and for how long."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.updates.api.conftest import Caller
from tests.updates.trainer import CLAIM, Trainer, of
from updates.flows.external import tokens
from updates.models import Assignment


@pytest.fixture
def with_run_token(trainer):
    """Reports with the token of the run alone."""
    caller = Caller()
    token = tokens.mint(Assignment.objects.get())
    caller.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return Trainer(caller, trainer.run)


def test_a_run_s_token_is_enough_for_its_run(with_run_token):
    assert with_run_token.progress().status_code == 200
    assert with_run_token.caller.get(with_run_token.path).status_code == 200
    base = with_run_token.caller.get("recommenders/ours/versions/1/artifact/model")
    assert base.status_code == 404
    predictions = with_run_token.predictions()
    assert with_run_token.publish(predictions=predictions).json()["state"] == "promoted"


def test_a_run_s_token_opens_nothing_else(with_run_token, make_run, make_recommender):
    other = make_run(make_recommender("other", "external"), components=["model"])
    caller = with_run_token.caller
    assert of(caller.post(f"updates/{other.pk}/fail", {"attempt": 1, "error": "x"})) == (
        403,
        "other-run",
    )
    assert of(caller.get("recommenders/other/versions/1/artifact/model")) == (403, "other-run")
    for path in ("recommenders", "updates", "audit", "recommenders/ours"):
        assert caller.get(path).status_code == 401
    assert caller.post(CLAIM, {}).status_code == 401
    assert caller.post(f"{with_run_token.path}/cancel", {}).status_code == 401


def test_a_run_s_token_ends_with_its_attempt(with_run_token):
    with_run_token.publish()
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=False):
        assert with_run_token.progress().status_code == 401
    with time_machine.travel(timezone.now(), tick=False):
        forged = with_run_token.caller
        forged.credentials(HTTP_AUTHORIZATION="Token run.eyJ:1:abc")
        assert with_run_token.progress().status_code == 401
