"""The proof on a version's page: asked for, watched, and its outcome."""

import pytest
from django.test import Client
from django.utils import timezone

from tests.monitoring.conftest import text
from updates.flows.prove import prove
from updates.models import Proof
from updates.samples.log import SampleLog

HTMX = {"HTTP_HX_REQUEST": "true"}
POLLS = 'hx-trigger="every 1s"'


@pytest.fixture
def address(live):
    return f"/recommenders/{live.recommender.slug}/versions/{live.number}/"


def test_an_operator_asks_for_it_and_sees_it_wait(as_operator, address):
    assert "Prove this version" in text(as_operator.get(address))
    shown = as_operator.post(f"{address}prove/", **HTMX)
    assert "queued Waiting for a worker." in text(shown)
    assert "Asked for by operator" in text(shown)
    assert POLLS in shown.content.decode()


def test_the_outcome_is_shown_and_asked_for_no_more(as_operator, as_viewer, address):
    as_operator.post(f"{address}prove/", **HTMX)
    prove(Proof.objects.get().pk)
    for shown in (as_viewer.get(f"{address}proof/", **HTMX), as_viewer.get(address)):
        assert "Learned again from 1,000 samples: the same bytes" in text(shown)
        assert POLLS not in shown.content.decode()


def test_while_it_runs_it_says_how_far_it_is(as_viewer, live, address):
    proof = Proof.request(live, None)
    proof.claim()
    proof.note(samples=12_345, cpu_seconds=1.0)
    shown = as_viewer.get(f"{address}proof/", **HTMX)
    assert "Learning it again. 12,345 samples so far" in text(shown)


def test_a_second_one_meanwhile_is_refused_beside_the_first(as_operator, address):
    as_operator.post(f"{address}prove/", **HTMX)
    shown = text(as_operator.post(f"{address}prove/", **HTMX))
    assert "is queued already. queued Waiting for a worker." in shown
    assert Proof.objects.count() == 1


def test_samples_that_are_gone_are_said(as_operator, live, address):
    SampleLog(live.recommender).delete()
    assert "Samples that it learned are gone" in text(as_operator.post(f"{address}prove/", **HTMX))


def test_a_viewer_sees_no_button_and_may_not_ask(as_viewer, address):
    assert "Prove this version" not in text(as_viewer.get(address))
    assert as_viewer.post(f"{address}prove/", **HTMX).status_code == 403
    assert not Proof.objects.exists()


def test_it_is_asked_for_with_a_csrf_token_only(operator, address):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(f"{address}prove/", **HTMX).status_code == 403
    assert not Proof.objects.exists()


def test_a_pruned_version_offers_none(as_operator, live, address):
    live.pruned_at = timezone.now()
    live.save(update_fields=["pruned_at"])
    words = text(as_operator.get(address))
    assert "it cannot be proved any more" in words
    assert "Prove this version" not in words


@pytest.mark.parametrize("part", ["proof/", "prove/"])
def test_an_unknown_version_has_no_proof(as_operator, address, part):
    ask = as_operator.get if part == "proof/" else as_operator.post
    assert ask(address.replace("versions/1", "versions/7") + part).status_code == 404
