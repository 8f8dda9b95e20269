"""The section "Sparsity and memory" of a recommender's page, and its what-ifs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from monitoring.sparsity import report
from monitoring.sparsity.forms import WhatIfForm
from monitoring.views.access import needs, page
from recadmin.roles import OPERATOR, VIEWER
from updates.flows.what_if import NotReplayable, WhatIfError, request_what_if
from updates.models import Recommender
from updates.models.what_if import WhatIfIsOver, WhatIfUnderWay
from updates.samples.durable import LogUnavailable
from updates.words import sentence

REFUSALS = (NotReplayable, WhatIfError, WhatIfUnderWay, WhatIfIsOver, LogUnavailable)


@require_safe
@needs(VIEWER)
def sparsity(request: HttpRequest, slug: str) -> HttpResponse:
    """What the model keeps and how that grows, for htmx."""
    return page(request, "monitoring/_sparsity.html", report.report(_find(slug)))


@require_safe
@needs(VIEWER)
def what_if(request: HttpRequest, slug: str) -> HttpResponse:
    """The newest what-if, for htmx: asked again while one is under way."""
    return _what_if(request, _find(slug), WhatIfForm())


@require_POST
@needs(OPERATOR)
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Have the newest samples replayed by other settings."""
    found, form, refusal = _find(slug), WhatIfForm(request.POST), ""
    if form.is_valid():
        try:
            request_what_if(found, by=request.user, **form.cleaned_data)
            form = WhatIfForm()
        except REFUSALS as error:
            refusal = sentence(str(error))
    return _what_if(request, found, form, refusal)


@require_POST
@needs(OPERATOR)
def cancel(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Have one stop."""
    found, refusal = _find(slug), ""
    try:
        get_object_or_404(found.what_ifs, pk=pk).cancel()
    except WhatIfIsOver as error:
        refusal = sentence(str(error))
    return _what_if(request, found, WhatIfForm(), refusal)


def _what_if(
    request: HttpRequest, found: Recommender, form: WhatIfForm, refusal: str = ""
) -> HttpResponse:
    context = report.what_if(found) | {"form": form, "refusal": refusal}
    return page(request, "monitoring/_what_if.html", context)


def _find(slug: str) -> Recommender:
    return get_object_or_404(Recommender.objects.select_related("live_version"), slug=slug)
