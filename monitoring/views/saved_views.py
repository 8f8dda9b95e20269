"""Naming a view of the fleet, and forgetting it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from monitoring.fleet_query import FleetQuery
from monitoring.forms import SavedViewForm
from monitoring.models import SavedView
from monitoring.views.access import needs
from monitoring.views.refusals import form_errors
from recadmin.roles import VIEWER


@require_POST
@needs(VIEWER)
def save(request: HttpRequest) -> HttpResponse:
    """Name the view; a view of one's own that had the name is now this one."""
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        form_errors(request, form.errors)
        return redirect("fleet")
    name, query = form.cleaned_data["name"], FleetQuery.of(QueryDict(form.cleaned_data["query"]))
    SavedView.objects.update_or_create(user=request.user, name=name, defaults={"query": str(query)})
    messages.success(request, f"The view is saved as “{name}”.")
    return _fleet(query)


@require_POST
@needs(VIEWER)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget one's own view."""
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    view.delete()
    messages.success(request, f"The view “{view.name}” is deleted.")
    return _fleet(FleetQuery.of(QueryDict(view.query)))


def _fleet(query: FleetQuery) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('fleet')}?{query}".rstrip("?"))
