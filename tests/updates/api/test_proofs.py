"""Proofs of a version: GET and POST …/versions/{n}/proofs."""

import pytest
from django.utils import timezone

from updates.flows.prove import prove
from updates.models import Proof

PROOFS = "recommenders/news/versions/1/proofs"


def test_a_proof_is_queued_and_its_outcome_listed(as_operator, live):
    queued = as_operator.post(PROOFS)
    assert queued.status_code == 202
    assert (queued.json()["state"], queued.json()["requested_by"]) == ("queued", "operator")
    prove(queued.json()["id"])
    [found] = as_operator.get(PROOFS).json()["results"]
    assert (found["version"], found["state"], found["samples"]) == (1, "equal", 1000)
    assert found["outcome"].startswith("Learned again from 1,000 samples: the same bytes")


def test_a_second_one_meanwhile_is_refused(as_operator, live):
    first = as_operator.post(PROOFS).json()
    refused = as_operator.post(PROOFS)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("proof-under-way")
    assert refused.json()["detail"] == f"Proof {first['id']} of news v1 is queued already."


def test_a_request_sent_again_with_its_key_is_answered_alike(as_operator, live):
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    first, again = (as_operator.post(PROOFS, **key) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())
    assert Proof.objects.count() == 1


def test_files_that_were_pruned_cannot_be_proved(as_operator, live):
    live.pruned_at = timezone.now()
    live.save(update_fields=["pruned_at"])
    refused = as_operator.post(PROOFS)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("not-provable")


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_takes_as_many_queries_as_listing_few(
    count, as_viewer, operator, live, django_assert_max_num_queries
):
    Proof.objects.bulk_create(Proof(version=live, requested_by=operator) for _ in range(count))
    with django_assert_max_num_queries(6):
        assert len(as_viewer.get(PROOFS).json()["results"]) == count


def test_the_list_comes_in_pages(as_viewer, live):
    Proof.objects.bulk_create(Proof(version=live) for _ in range(3))
    page = as_viewer.get(f"{PROOFS}?page_size=2").json()
    rest = as_viewer.get(page["next"]).json()
    assert [len(page["results"]), len(rest["results"])] == [2, 1]
    assert rest["next"] is None
