"""Addresses of the API, below ``/api/v1/``."""

from django.urls import URLPattern, path

from updates.api import device_problems, flow_problems  # noqa: F401  (they register refusals)
from updates.api.views import (
    audit,
    auth,
    canaries,
    deployment_events,
    devices,
    explanations,
    freezes,
    joiner,
    policies,
    proofs,
    quarantines,
    recommenders,
    samples,
    targets,
    trainers,
    updates,
    versions,
    what_ifs,
)
from updates.api.views.recommenders import FreshnessOf

ONE = "recommenders/<slug:slug>"


def patterns(freshness_of: FreshnessOf) -> list[URLPattern]:
    """The addresses; ``freshness_of`` computes the freshness that recommenders are shown with."""
    fresh = {"freshness_of": freshness_of}
    return [
        path("auth/token", auth.TokenView.as_view(), name="token"),
        path("audit", audit.AuditList.as_view(), name="audit"),
        path("recommenders", recommenders.RecommenderList.as_view(**fresh), name="recommenders"),
        path(ONE, recommenders.RecommenderDetail.as_view(**fresh), name="recommender"),
        path(f"{ONE}/policies", policies.PolicyList.as_view(), name="policies"),
        path(f"{ONE}/policies/<slug:name>", policies.PolicyDetail.as_view(), name="policy"),
        path(
            f"{ONE}/policies/<slug:name>/lift-hold", policies.LiftHold.as_view(), name="lift-hold"
        ),
        path(f"{ONE}/updates", updates.StartUpdate.as_view(), name="start-update"),
        path(f"{ONE}/updates/claim", trainers.ClaimUpdate.as_view(), name="claim-update"),
        path("updates", updates.UpdateList.as_view(), name="updates"),
        path("updates/<int:pk>", updates.UpdateDetail.as_view(), name="update"),
        path("updates/<int:pk>/cancel", updates.CancelUpdate.as_view(), name="cancel-update"),
        path("updates/<int:pk>/samples", trainers.RunSamples.as_view(), name="run-samples"),
        path("updates/<int:pk>/progress", trainers.ReportProgress.as_view(), name="progress"),
        path("updates/<int:pk>/artifact", trainers.UploadArtifact.as_view(), name="upload"),
        path("updates/<int:pk>/publish", trainers.PublishUpdate.as_view(), name="publish"),
        path("updates/<int:pk>/fail", trainers.FailUpdate.as_view(), name="fail-update"),
        path(f"{ONE}/versions", versions.VersionList.as_view(), name="versions"),
        path(f"{ONE}/versions/<int:number>", versions.VersionDetail.as_view(), name="version"),
        path(
            f"{ONE}/versions/<int:number>/promote",
            versions.PromoteVersion.as_view(),
            name="promote-version",
        ),
        path(
            f"{ONE}/versions/<int:number>/canary",
            canaries.BeginCanary.as_view(),
            name="begin-canary",
        ),
        path(
            f"{ONE}/versions/<int:number>/canary/end",
            canaries.EndCanary.as_view(),
            name="end-canary",
        ),
        path(f"{ONE}/canaries", canaries.CanaryList.as_view(), name="canaries"),
        path(
            f"{ONE}/versions/<int:number>/explanation",
            explanations.ExplanationView.as_view(),
            name="explanation",
        ),
        path(f"{ONE}/versions/<int:number>/proofs", proofs.ProofList.as_view(), name="proofs"),
        path(f"{ONE}/quarantines", quarantines.QuarantineList.as_view(), name="quarantines"),
        path(
            f"{ONE}/quarantines/preview",
            quarantines.PreviewQuarantine.as_view(),
            name="preview-quarantine",
        ),
        path(
            f"{ONE}/quarantines/<int:pk>",
            quarantines.QuarantineDetail.as_view(),
            name="quarantine",
        ),
        path(
            f"{ONE}/quarantines/<int:pk>/lift",
            quarantines.LiftQuarantine.as_view(),
            name="lift-quarantine",
        ),
        path(
            f"{ONE}/quarantines/<int:pk>/rebuild",
            quarantines.RebuildAgain.as_view(),
            name="rebuild-again",
        ),
        path(f"{ONE}/users/<str:user>/erase", quarantines.EraseUser.as_view(), name="erase-user"),
        path(f"{ONE}/sparsity/what-if", what_ifs.WhatIfList.as_view(), name="what-ifs"),
        path(f"{ONE}/sparsity/what-if/<int:pk>", what_ifs.WhatIfDetail.as_view(), name="what-if"),
        path(
            f"{ONE}/sparsity/what-if/<int:pk>/cancel",
            what_ifs.CancelWhatIf.as_view(),
            name="cancel-what-if",
        ),
        path(f"{ONE}/adopt", versions.Adopt.as_view(), name="adopt"),
        path(f"{ONE}/online/freezes", freezes.FreezeList.as_view(), name="freezes"),
        path(f"{ONE}/online/thaw", freezes.ThawOnline.as_view(), name="thaw-online"),
        path(f"{ONE}/rollback", versions.RollBack.as_view(), name="rollback"),
        path(f"{ONE}/deployments", versions.DeploymentList.as_view(), name="deployments"),
        path(
            f"{ONE}/deployments/events",
            deployment_events.EventList.as_view(),
            name="deployment-events",
        ),
        path(
            f"{ONE}/deployments/events/<int:pk>/acknowledge",
            deployment_events.AcknowledgeEvent.as_view(),
            name="acknowledge-event",
        ),
        path(
            f"{ONE}/versions/<int:number>/artifact/<str:file>",
            deployment_events.ArtifactFile.as_view(),
            name="artifact-file",
        ),
        path(f"{ONE}/targets", targets.TargetList.as_view(), name="targets"),
        path(f"{ONE}/targets/<slug:name>", targets.TargetDetail.as_view(), name="target"),
        path(
            f"{ONE}/targets/<slug:name>/rotate-secret",
            targets.RotateSecret.as_view(),
            name="rotate-secret",
        ),
        path(f"{ONE}/samples", samples.Samples.as_view(), name="samples"),
        path(f"{ONE}/impressions", joiner.Impressions.as_view(), name="impressions"),
        path(f"{ONE}/feedback", joiner.Feedback.as_view(), name="feedback"),
        path(f"{ONE}/joiner", joiner.JoinerView.as_view(), name="joiner"),
        path(f"{ONE}/score", samples.Score.as_view(), name="score"),
        path(f"{ONE}/recommendations", samples.Recommendations.as_view(), name="recommendations"),
        path(f"{ONE}/client-tokens", devices.ClientTokens.as_view(), name="client-tokens"),
        path(
            f"{ONE}/users/<str:user>/embedding", devices.EmbeddingView.as_view(), name="embedding"
        ),
        path(f"{ONE}/items/vectors", devices.ItemsView.as_view(), name="item-vectors"),
    ]


def with_slashes(patterns: list[URLPattern]) -> list[URLPattern]:
    """The same addresses, each also with a trailing slash."""
    return [*patterns, *(path(f"{p.pattern}/", p.callback) for p in patterns)]
