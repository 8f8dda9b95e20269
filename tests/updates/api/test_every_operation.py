"""The ladder that every operation climbs: works, by role, outsider, no token, unknown address."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitoring.models import Alert
from tests.updates.api.conftest import Caller, description
from updates.flows.canary import try_by_hand
from updates.flows.promote import promote
from updates.models import (
    Deployment,
    PublishingFreeze,
    Quarantine,
    ServingTarget,
    UpdateRun,
    WhatIf,
)

ROLES = ["viewer", "operator", "admin"]
FOREIGN = {
    "news": "absent",
    "{run}": "999999",
    "hourly": "absent",
    "versions/1": "versions/999",
    "versions/2": "versions/999",
    "tried": "absent",
    "alerts/1": "alerts/999",
    "quarantines/1": "quarantines/999",
    "targets/edge": "targets/absent",
    "{event}": "999999",
    "manifest.json": "absent.json",
}
TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


@dataclass
class Call:
    """How an operation is called, by whom at least, and what it answers."""

    method: str
    path: str
    role: str = "viewer"
    status: int = 200
    body: Any = None


ROW = {"label": 1, "event_time": "2026-01-01T00:00:00Z", "item": "i1"}
RECOMMENDER = {
    "slug": "music",
    "name": "Music",
    "learner": "sparse_linear",
    "schema": {"item": "item"},
}
POLICY = {
    "name": "daily",
    "strategy": "full",
    "trigger": "cron",
    "cadence": {"cron": "0 3 * * *"},
}
SHOWN = {"impression": "s1", "event_time": "2026-01-01T00:00:00Z", "item": "i1"}
CLICKED = {"impression": "s1", "event_time": "2026-01-01T00:00:01Z"}
NEWS = "recommenders/news"
SWAPPED = {"target": "edge", "state": "swapped", "version": 1}
BAD = {"first_offset": 10, "last_offset": 20}
CALLS = {
    "auth_token_create": Call(
        "post", "auth/token", "nobody", body={"username": "viewer", "password": "password"}
    ),
    "auth_token_destroy": Call("delete", "auth/token", "outsider", 204),
    "recommenders_list": Call("get", "recommenders"),
    "recommenders_create": Call("post", "recommenders", "admin", 201, RECOMMENDER),
    "recommenders_retrieve": Call("get", NEWS),
    "recommenders_partial_update": Call("patch", NEWS, "admin", body={"name": "News!"}),
    "recommenders_destroy": Call("delete", NEWS, "admin", 204),
    "recommenders_policies_list": Call("get", f"{NEWS}/policies"),
    "recommenders_policies_create": Call("post", f"{NEWS}/policies", "admin", 201, POLICY),
    "recommenders_policies_retrieve": Call("get", f"{NEWS}/policies/hourly"),
    "recommenders_policies_partial_update": Call(
        "patch", f"{NEWS}/policies/hourly", "operator", body={"trigger": "manual"}
    ),
    "recommenders_policies_destroy": Call("delete", f"{NEWS}/policies/hourly", "admin", 204),
    "recommenders_policies_lift_hold_create": Call(
        "post", f"{NEWS}/policies/hourly/lift-hold", "operator"
    ),
    "recommenders_updates_create": Call(
        "post", f"{NEWS}/updates", "operator", 202, {"policy": "hourly"}
    ),
    # recadmin itself trains the models of these recommenders; what trainers of others are answered
    # is in test_trainers.
    "recommenders_updates_claim_create": Call(
        "post", f"{NEWS}/updates/claim", "operator", 409, {"worker": "gpu-1"}
    ),
    "updates_samples_retrieve": Call("get", "updates/{run}/samples", "operator", 409),
    "updates_progress_create": Call(
        "post", "updates/{run}/progress", "operator", 409, {"attempt": 1}
    ),
    "updates_artifact_update": Call("put", "updates/{run}/artifact?attempt=1", "operator", 409),
    "updates_publish_create": Call(
        "post",
        "updates/{run}/publish",
        "operator",
        409,
        {
            "attempt": 1,
            "watermark": "2026-01-01T00:00:00Z",
            "next_offset": 9,
            "artifact": {"sha256": "0" * 64},
        },
    ),
    "updates_fail_create": Call(
        "post", "updates/{run}/fail", "operator", 409, {"attempt": 1, "error": "out of memory"}
    ),
    "updates_list": Call("get", "updates"),
    "updates_retrieve": Call("get", "updates/{run}"),
    "updates_cancel_create": Call("post", "updates/{run}/cancel", "operator", body={}),
    "recommenders_versions_list": Call("get", f"{NEWS}/versions"),
    # recadmin itself makes its versions; what those are answered that report theirs is in
    # test_reported_versions.
    "recommenders_versions_create": Call(
        "post",
        f"{NEWS}/versions",
        "operator",
        409,
        {"name": "nightly", "watermark": "2026-01-01T00:00:00Z"},
    ),
    "recommenders_versions_retrieve": Call("get", f"{NEWS}/versions/1"),
    "recommenders_versions_promote_create": Call(
        "post", f"{NEWS}/versions/1/promote", "operator", body={"reason": "better"}
    ),
    "recommenders_versions_canary_create": Call(
        "post",
        f"{NEWS}/versions/1/canary",
        "operator",
        body={"share": 0.1, "seconds": 60, "reason": "was it better?"},
    ),
    "recommenders_versions_canary_end_create": Call(
        "post",
        "recommenders/tried/versions/2/canary/end",
        "operator",
        body={"promote": True, "reason": "it is fine"},
    ),
    "recommenders_canaries_list": Call("get", f"{NEWS}/canaries"),
    "recommenders_versions_proofs_list": Call("get", f"{NEWS}/versions/1/proofs"),
    "recommenders_versions_proofs_create": Call(
        "post", f"{NEWS}/versions/1/proofs", "operator", 202
    ),
    "recommenders_quarantines_list": Call("get", f"{NEWS}/quarantines"),
    "recommenders_quarantines_create": Call(
        "post", f"{NEWS}/quarantines", "operator", 202, {"selection": BAD, "reason": "a bug"}
    ),
    "recommenders_quarantines_preview_create": Call(
        "post", f"{NEWS}/quarantines/preview", "operator", body={"selection": BAD}
    ),
    "recommenders_quarantines_retrieve": Call("get", f"{NEWS}/quarantines/1"),
    "recommenders_quarantines_lift_create": Call(
        "post", f"{NEWS}/quarantines/1/lift", "operator", 202, {"reason": "it was right"}
    ),
    "recommenders_quarantines_rebuild_create": Call(
        "post", f"{NEWS}/quarantines/1/rebuild", "operator", 202
    ),
    "recommenders_users_erase_create": Call(
        "post", f"{NEWS}/users/u1/erase", "admin", 202, {"reason": "asked for"}
    ),
    "recommenders_versions_explanation_retrieve": Call(
        "get", f"{NEWS}/versions/1/explanation?against=2"
    ),
    "recommenders_challengers_retrieve": Call("get", f"{NEWS}/challengers"),
    # It challenges nobody; what a challenger's adoption answers is in test_challengers.
    "recommenders_adopt_create": Call(
        "post", f"{NEWS}/adopt", "operator", 409, {"reason": "better"}
    ),
    "recommenders_online_freezes_list": Call("get", f"{NEWS}/online/freezes"),
    "recommenders_online_thaw_create": Call(
        "post", f"{NEWS}/online/thaw", "operator", body={"reason": "it is right"}
    ),
    "audit_list": Call("get", "audit", "operator"),
    "recommenders_rollback_retrieve": Call("get", f"{NEWS}/rollback?to=1"),
    "recommenders_rollback_create": Call(
        "post", f"{NEWS}/rollback", "operator", body={"to": 1, "reason": "worse"}
    ),
    "recommenders_deployments_list": Call("get", f"{NEWS}/deployments"),
    "recommenders_deployments_events_retrieve": Call("get", f"{NEWS}/deployments/events?after=0"),
    "recommenders_deployments_events_acknowledge_create": Call(
        "post", f"{NEWS}/deployments/events/{{event}}/acknowledge", "operator", body=SWAPPED
    ),
    "recommenders_versions_artifact_retrieve": Call(
        "get", f"{NEWS}/versions/1/artifact/manifest.json"
    ),
    "recommenders_targets_list": Call("get", f"{NEWS}/targets"),
    "recommenders_targets_create": Call(
        "post", f"{NEWS}/targets", "admin", 201, {"name": "edge-us"}
    ),
    "recommenders_targets_retrieve": Call("get", f"{NEWS}/targets/edge"),
    "recommenders_targets_partial_update": Call(
        "patch", f"{NEWS}/targets/edge", "admin", body={"enabled": False}
    ),
    "recommenders_targets_destroy": Call("delete", f"{NEWS}/targets/edge", "admin", 204),
    "recommenders_targets_rotate_secret_create": Call(
        "post", f"{NEWS}/targets/edge/rotate-secret", "admin"
    ),
    "recommenders_samples_create": Call("post", f"{NEWS}/samples", "operator", 202, [ROW]),
    "recommenders_impressions_create": Call(
        "post", f"{NEWS}/impressions", "operator", 202, [SHOWN]
    ),
    "recommenders_feedback_create": Call("post", f"{NEWS}/feedback", "operator", 202, [CLICKED]),
    "recommenders_joiner_retrieve": Call("get", f"{NEWS}/joiner"),
    "recommenders_score_create": Call("post", f"{NEWS}/score", body={"rows": [{"item": "i1"}]}),
    # Its learner has no items and no vectors of users; what those that have answer is in
    # test_recommendations and test_embedding.
    "recommenders_recommendations_retrieve": Call(
        "get", f"{NEWS}/recommendations?user=u1", status=409
    ),
    "recommenders_client_tokens_create": Call(
        "post", f"{NEWS}/client-tokens", "operator", 409, {"user": "u1"}
    ),
    "recommenders_users_embedding_retrieve": Call("get", f"{NEWS}/users/u1/embedding", status=409),
    "recommenders_users_embedding_update": Call(
        "put",
        f"{NEWS}/users/u1/embedding",
        "operator",
        409,
        {"space_id": "s", "revision": 0, "vector": [0.0]},
    ),
    "recommenders_items_vectors_retrieve": Call("get", f"{NEWS}/items/vectors?item=i1", status=409),
    "recommenders_devices_retrieve": Call("get", f"{NEWS}/devices"),
    "recommenders_drift_retrieve": Call("get", f"{NEWS}/drift"),
    "recommenders_drift_scorecard_retrieve": Call("get", f"{NEWS}/drift/scorecard"),
    "drift_scorecard_retrieve": Call("get", "drift/scorecard"),
    "neighbours_retrieve": Call("get", "neighbours"),
    "recommenders_freshness_retrieve": Call("get", f"{NEWS}/freshness"),
    "recommenders_metrics_retrieve": Call("get", f"{NEWS}/metrics?name=age_seconds"),
    "recommenders_sparsity_retrieve": Call("get", f"{NEWS}/sparsity"),
    "recommenders_sparsity_what_if_list": Call("get", f"{NEWS}/sparsity/what-if"),
    "recommenders_sparsity_what_if_create": Call(
        "post", f"{NEWS}/sparsity/what-if", "operator", 202, {"admit_after": [0, 1]}
    ),
    "recommenders_sparsity_what_if_retrieve": Call("get", "recommenders/other/sparsity/what-if/1"),
    "recommenders_sparsity_what_if_cancel_create": Call(
        "post", "recommenders/other/sparsity/what-if/1/cancel", "operator"
    ),
    "alerts_list": Call("get", "alerts?state=firing&kind=backlog&recommender=other"),
    "alerts_retrieve": Call("get", "alerts/1"),
    "alerts_acknowledge_create": Call(
        "post", "alerts/1/acknowledge", "operator", body={"reason": "on it"}
    ),
    "recommenders_silences_list": Call("get", f"{NEWS}/silences"),
    "recommenders_silences_create": Call(
        "post", f"{NEWS}/silences", "operator", 201, {"until": TOMORROW, "reason": "moving"}
    ),
}
PROTECTED = [name for name, call in CALLS.items() if call.role != "nobody"]
BY_ROLE = [name for name in PROTECTED if CALLS[name].role in ROLES]
BELOW = [name for name in BY_ROLE if CALLS[name].role != "viewer"]
ADDRESSED = [name for name in BY_ROLE if any(part in CALLS[name].path for part in FOREIGN)]


@pytest.fixture
def scene(live, make_recommender, make_policy, make_run, make_version, append, update):
    """``news`` with a live and a retired version that score, a run elsewhere to cancel, and a
    version of ``tried`` on trial."""
    tried = make_recommender("tried")
    promote(make_version(tried), reason="the first")
    try_by_hand(make_version(tried), share=0, seconds=60, reason="is it better?")
    make_policy(live.recommender)
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    run = make_run(make_recommender("other"))
    now = timezone.now()
    said = {"summary": "Old.", "objective": "young"}
    Alert.objects.create(
        pk=1,
        recommender=run.recommender,
        kind="backlog",
        severity="critical",
        since=now,
        held_at=now,
        **said,
    ).fire(now, tried="nothing")
    failed = Quarantine.objects.create(
        pk=1, recommender=live.recommender, selection={}, ranges=[[5, 6]], reason="a bug"
    )
    ServingTarget.objects.create(recommender=live.recommender, name="edge")
    rebuild = make_run(live.recommender, strategy="rebuild", quarantine=failed)
    rebuild.move("cancelled", why="a roll-back")
    PublishingFreeze.objects.create(
        recommender=live.recommender,
        base=live.recommender.live_version,
        line=1,
        good_offset=1100,
        offset=1200,
        reason="worse",
    )
    setting = {"admit_after": 0, "expire_after": 0}
    WhatIf.objects.create(
        pk=1,
        recommender=run.recommender,
        learner_options={},
        settings=[setting],
        first_offset=1,
        last_offset=100,
    )
    return run


def send(caller, name, run=None, path=None):
    call = CALLS[name]
    path = (path or call.path).replace("{run}", str(run.pk if run else 0))
    if "{event}" in path:
        deployment = Deployment.objects.filter(recommender__slug="news", version__number=1).first()
        path = path.replace("{event}", str(deployment.pk if deployment else 0))
    return getattr(caller, call.method)(path, call.body)


def test_every_operation_described_is_called_here():
    described = {
        operation["operationId"]: f"{method} {path}"
        for path, operations in description()["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }
    assert described.keys() == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_it_works_for_the_least_role(name, scene, callers):
    response = send(callers[CALLS[name].role], name, scene)
    assert response.status_code == CALLS[name].status, response.content


@pytest.mark.parametrize("name", BELOW)
def test_a_lower_role_is_refused(name, callers):
    for role in ROLES[: ROLES.index(CALLS[name].role)]:
        assert send(callers[role], name).status_code == 403


@pytest.mark.parametrize("name", BY_ROLE)
def test_an_account_without_a_role_is_refused(name, callers):
    assert send(callers["outsider"], name).status_code == 403


@pytest.mark.parametrize("name", PROTECTED)
def test_without_a_token_nothing_is_told(name, db):
    response = send(Caller(), name)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].split(", ")[0] == "Token"


@pytest.mark.parametrize("name", ADDRESSED)
def test_an_unknown_address_is_not_found(name, scene, as_admin):
    path = CALLS[name].path
    for known, absent in FOREIGN.items():
        if known in path:
            assert send(as_admin, name, scene, path.replace(known, absent)).status_code == 404
    assert UpdateRun.objects.get(pk=scene.pk).state == "queued"


@pytest.mark.parametrize("name", ["recommenders_list", "updates_list", "recommenders_retrieve"])
def test_a_trailing_slash_leads_to_the_same(name, scene, as_viewer):
    path = CALLS[name].path
    assert as_viewer.get(f"{path}/").json().keys() == as_viewer.get(path).json().keys()
