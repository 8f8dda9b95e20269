"""Versions are put on trial by hand, and their trials ended."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from monitoring.canary_forms import CanaryForm, EndCanaryForm
from monitoring.views.access import needs
from monitoring.views.refusals import form_errors, told
from recadmin.roles import OPERATOR
from updates.flows.canary import end_by_hand, try_by_hand
from updates.models import ModelVersion


@require_POST
@needs(OPERATOR)
def begin(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Put it on trial."""
    version, form = _find(slug, number), CanaryForm(request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("version", slug, number)
    with told(request):
        try_by_hand(version, by=request.user, **form.cleaned_data)
        return redirect("recommender", slug)
    return redirect("version", slug, number)


@require_POST
@needs(OPERATOR)
def end(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """End its trial, with or without promotion."""
    version, form = _find(slug, number), EndCanaryForm(request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("version", slug, number)
    with told(request):
        end_by_hand(version, by=request.user, **form.cleaned_data)
    return redirect("version", slug, number)


def _find(slug: str, number: int) -> ModelVersion:
    versions = ModelVersion.objects.select_related("recommender")
    return get_object_or_404(versions, recommender__slug=slug, number=number)
