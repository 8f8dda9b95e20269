"""One version: what it learned, how good and how sparse it is, where it was live."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from monitoring import explanation as explained
from monitoring.canaries import trials_of
from monitoring.canary_forms import CanaryForm
from monitoring.components import components_of
from monitoring.forms import RollBackForm
from monitoring.heaviest import heaviest_weights
from monitoring.sparsity.report import turnovers
from monitoring.views.access import needs, page
from monitoring.views.refusals import PROOF_REFUSALS, told
from recadmin.roles import OPERATOR, VIEWER
from updates.artifacts import CorruptArtifact
from updates.flows.promote import promote
from updates.flows.prove import request_proof
from updates.flows.report_version import reported_as
from updates.flows.roll_back_cost import roll_back_cost as cost_of
from updates.models import Assignment, ModelVersion, Proof
from updates.models.version import IllegalVersionMove, VersionState
from updates.words import sentence

PROMOTABLE = (VersionState.CANDIDATE, VersionState.REJECTED, VersionState.RETIRED)


@require_safe
@needs(VIEWER)
def version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The page."""
    found = _find(slug, number)
    deployments = found.deployments.select_related("moved_by", "run")
    trials = trials_of(found, timezone.now())
    moved_here = not (found.recommender.follows_predictions or found.pruned_at)
    context = {
        "recommender": found.recommender,
        "version": found,
        "components": components_of(found),
        "children": found.children.order_by("number"),
        "deployments": deployments,
        "proof": _newest_proof(found),
        "assignment": Assignment.of(found.run) if hasattr(found, "run") else None,
        "turnover": turnovers(found.recommender).filter(deployment__version=found).first(),
        "reported": reported_as(found),
        "can_roll_back": deployments and found.state == VersionState.RETIRED and moved_here,
        "can_promote": found.state in PROMOTABLE and moved_here,
        "trials": trials,
        "is_on_trial": any(trial.canary.running for trial in trials),
        "can_try": found.state in PROMOTABLE
        and not found.pruned_at
        and found.recommender.trained_here
        and found.recommender.live_version_id is not None,
        "canary_form": CanaryForm(auto_id="canary-%s"),
        "roll_back_form": RollBackForm(found.recommender, initial={"to": found.number}),
    }
    return page(request, "monitoring/version.html", context)


@require_safe
@needs(VIEWER)
def weights(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Its heaviest weights, for htmx: the whole model must be read for them."""
    found = _find(slug, number)
    context = {"version": found}
    try:
        context["weights"] = heaviest_weights(found)
    except CorruptArtifact as error:
        context["error"] = f"The model cannot be read: {error}."
    return page(request, "monitoring/_weights.html", context)


@require_safe
@needs(VIEWER)
def explanation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What it learned against its parent or another, for htmx: asked again while a worker is at
    it."""
    found, other = _find(slug, number), request.GET.get("against", "")
    against = _find(slug, int(other)) if other.isdecimal() else None
    return page(request, "monitoring/_explanation.html", explained.explanation(found, against))


@require_safe
@needs(VIEWER)
def proof(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Its newest proof, for htmx: asked again while one is under way."""
    return _proof(request, _find(slug, number))


@require_safe
@needs(OPERATOR)
def roll_back_cost(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What going back to it would take back, for htmx."""
    try:
        context: dict[str, object] = {"cost": cost_of(_find(slug, number), timezone.now())}
    except IllegalVersionMove as refusal:
        context = {"refusal": str(refusal)}
    return page(request, "monitoring/_roll_back_cost.html", context)


@require_POST
@needs(OPERATOR)
def prove_version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Have it learned again from the log and compared."""
    found = _find(slug, number)
    try:
        request_proof(found, by=request.user)
    except PROOF_REFUSALS as refusal:
        return _proof(request, found, sentence(str(refusal)))
    return _proof(request, found)


@require_POST
@needs(OPERATOR)
def promote_version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Make it live by a person's word."""
    found = _find(slug, number)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, "Reason: say why; it is kept in the deployment history.")
        return redirect("version", slug, number)
    with told(request):
        promote(found, reason=reason, by=request.user)
        return redirect("recommender", slug)
    return redirect("version", slug, number)


def _proof(request: HttpRequest, found: ModelVersion, refusal: str = "") -> HttpResponse:
    context = {
        "recommender": found.recommender,
        "version": found,
        "proof": _newest_proof(found),
        "refusal": refusal,
    }
    return page(request, "monitoring/_proof.html", context)


def _newest_proof(found: ModelVersion) -> Proof | None:
    return found.proofs.select_related("requested_by").first()


def _find(slug: str, number: int) -> ModelVersion:
    versions = ModelVersion.objects.select_related("recommender__live_version", "parent", "run")
    return get_object_or_404(versions, recommender__slug=slug, number=number)
