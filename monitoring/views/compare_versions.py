"""Two versions of one recommender, side by side."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from monitoring.version_comparison import compared
from monitoring.views.access import needs, page
from recadmin.roles import VIEWER
from updates.models import ModelVersion, Recommender


@require_safe
@needs(VIEWER)
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Version ``a`` against ``b``: unless said otherwise, the live (or newest) one is b, and a the
    one that it was built on, or else the one before it."""
    found = get_object_or_404(Recommender.objects.select_related("live_version"), slug=slug)
    versions = found.versions.select_related("run").order_by("-number")
    newest = versions.first()
    if newest is None:
        raise Http404
    b = _asked(request, versions, "b") or found.live_version or newest
    a = _asked(request, versions, "a") or _before(versions, b)
    context = {
        "recommender": found,
        "a": a,
        "b": b,
        "both": (a, b),
        "newest": newest.number,
        "groups": compared(a, b),
    }
    return page(request, "monitoring/compare_versions.html", context)


def _asked(
    request: HttpRequest, versions: QuerySet[ModelVersion], name: str
) -> ModelVersion | None:
    number = request.GET.get(name, "")
    if not number:
        return None
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Http404
    return get_object_or_404(versions, number=number)


def _before(versions: QuerySet[ModelVersion], b: ModelVersion) -> ModelVersion:
    return b.parent or versions.filter(number__lt=b.number).first() or b
