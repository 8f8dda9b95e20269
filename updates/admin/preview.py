"""What a cadence would mean, shown before it is saved."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views import View

from updates.admin.policy_form import CadencePreviewForm
from updates.admin.shown import moment
from updates.flows.preview_cadence import preview_cadence
from updates.models import UpdatePolicy

PAGE = "admin/updates/updatepolicy/preview.html"
FRAGMENT = "admin/updates/updatepolicy/preview_fragment.html"


class PreviewView(View):
    """Takes the form as it stands and saves nothing; a fragment for scripts, else a page."""

    http_method_names = ["post"]
    model_admin: Any = None

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        if not self.model_admin.has_view_or_change_permission(request):
            raise PermissionDenied
        policy = get_object_or_404(UpdatePolicy, pk=pk) if pk else UpdatePolicy()
        form = CadencePreviewForm(request.POST, policy)
        context = {"form": form, "policy": policy}
        if form.is_valid():
            context |= _meaning(form.instance)
        if request.headers.get("X-Requested-With") == "XMLHttpRequest":
            return render(request, FRAGMENT, context)
        site = self.model_admin.admin_site.each_context(request)
        return render(request, PAGE, site | context | {"title": "Preview of a cadence"})


def _meaning(policy: UpdatePolicy) -> dict[str, Any]:
    preview = preview_cadence(policy, timezone.now())
    fires = [(moment(local), moment(utc)) for local, utc in preview.local_fires]
    return {"preview": preview, "fires": fires, "trigger": policy.trigger}
