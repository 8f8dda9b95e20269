"""Addresses of the pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from monitoring.views import (
    alerts,
    audit,
    compare_versions,
    demo,
    fleet,
    metrics,
    policies,
    quarantines,
    recommender,
    runs,
    saved_views,
    sparsity,
    versions,
    workers,
)

ONE = "recommenders/<slug:slug>"
POLICY = f"{ONE}/policies/<slug:name>"
VERSION = f"{ONE}/versions/<int:number>"

urlpatterns = [
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", fleet.fleet, name="fleet"),
    path("views/", saved_views.save, name="save-view"),
    path("views/<int:pk>/delete/", saved_views.delete, name="delete-view"),
    path("metrics", metrics.metrics, name="prometheus"),
    path("workers/", workers.workers, name="workers"),
    path("audit/", audit.audit, name="audit"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<int:pk>/", alerts.alert, name="alert"),
    path("alerts/<int:pk>/acknowledge/", alerts.acknowledge, name="alert-acknowledge"),
    path(f"{ONE}/silence/", alerts.silence, name="silence"),
    path(f"{ONE}/", recommender.recommender, name="recommender"),
    path(f"{ONE}/headline/", recommender.headline, name="headline"),
    path(f"{ONE}/joining/", recommender.joining, name="joining"),
    path(f"{ONE}/devices/", recommender.devices, name="devices"),
    path(f"{ONE}/drift/", recommender.drift, name="recommender-drift"),
    path(f"{ONE}/sparsity/", sparsity.sparsity, name="recommender-sparsity"),
    path(f"{ONE}/what-if/", sparsity.what_if, name="what-if"),
    path(f"{ONE}/what-if/ask/", sparsity.ask, name="what-if-ask"),
    path(f"{ONE}/what-if/<int:pk>/cancel/", sparsity.cancel, name="what-if-cancel"),
    path(f"{ONE}/updates/", recommender.start_update, name="start-update"),
    path(f"{ONE}/rollback/", recommender.rollback, name="rollback"),
    path(f"{ONE}/quarantines/", quarantines.section, name="quarantines"),
    path(f"{ONE}/quarantines/outlook/", quarantines.outlook, name="quarantine-outlook"),
    path(f"{ONE}/quarantines/mark/", quarantines.mark, name="quarantine"),
    path(f"{ONE}/quarantines/undo/", quarantines.undo, name="quarantine-undo"),
    path(f"{ONE}/quarantines/again/", quarantines.again, name="quarantine-again"),
    path(f"{POLICY}/", policies.policy, name="policy"),
    path(f"{POLICY}/cadence/", policies.cadence, name="policy-cadence"),
    path(f"{POLICY}/pause/", policies.pause_policy, name="policy-pause"),
    path(f"{POLICY}/resume/", policies.resume_policy, name="policy-resume"),
    path(f"{POLICY}/lift-hold/", policies.lift, name="policy-lift-hold"),
    path(f"{POLICY}/run/", policies.run_now, name="policy-run"),
    path(f"{ONE}/versions/compare/", compare_versions.compare, name="versions-compare"),
    path(f"{VERSION}/", versions.version, name="version"),
    path(f"{VERSION}/weights/", versions.weights, name="version-weights"),
    path(f"{VERSION}/proof/", versions.proof, name="version-proof"),
    path(f"{VERSION}/prove/", versions.prove_version, name="version-prove"),
    path(f"{VERSION}/roll-back-cost/", versions.roll_back_cost, name="roll-back-cost"),
    path(f"{VERSION}/promote/", versions.promote_version, name="version-promote"),
    path("demo/<slug:slug>/", demo.demo, name="demo"),
    path("demo/<slug:slug>/token/", demo.token, name="demo-token"),
    path("runs/<int:pk>/", runs.run, name="run"),
    path("runs/<int:pk>/cancel/", runs.cancel_run, name="run-cancel"),
]
