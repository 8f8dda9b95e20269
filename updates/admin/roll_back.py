"""The page between asking for a roll-back and doing it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import format_html
from django.views.generic import FormView

from updates.admin.shown import link, moment
from updates.artifacts import CorruptArtifact
from updates.flows.roll_back import RollBackError, roll_back
from updates.models import ModelVersion, Recommender
from updates.models.version import IllegalVersionMove, VersionState


class FormerlyLive(forms.ModelChoiceField):
    """A version that was live and can be again."""

    def label_from_instance(self, version: ModelVersion) -> str:
        last = version.deployments.order_by("-started_at").first()
        ne = (version.metrics.get("candidate") or {}).get("ne")
        quality = f", NE {ne:.4f} when it was judged" if ne is not None else ""
        return f"v{version.number}, live until {moment(last.ended_at)}{quality}"


class RollBackForm(forms.Form):
    to = FormerlyLive(
        queryset=ModelVersion.objects.none(),
        label="Back to",
        help_text="Versions that were live before and whose files are kept, the newest first.",
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What went wrong. It stays in the history of deployments.",
    )
    hold = forms.BooleanField(
        required=False,
        initial=True,
        label="Hold its policies",
        help_text="Nothing fires until the hold is lifted, and updates under way are cancelled. "
        "Without it the next update learns again what this roll-back takes back.",
    )

    def __init__(self, *args: Any, recommender: Recommender, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = (
            recommender.versions.filter(deployments__isnull=False, pruned_at=None)
            .exclude(state__in=[VersionState.LIVE, VersionState.QUARANTINED])
            .distinct()
            .order_by("-number")
        )


class RollBackView(FormView):
    form_class = RollBackForm
    template_name = "admin/updates/recommender/roll_back.html"
    model_admin: Any = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.model_admin.has_operate_permission(request):
            raise PermissionDenied("Only operators may roll back.")
        self.recommender = get_object_or_404(Recommender, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"recommender": self.recommender}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        fieldsets = [(None, {"fields": list(context["form"].fields)})]
        return context | {
            **self.model_admin.admin_site.each_context(self.request),
            "title": f"Roll back {self.recommender.name}",
            "opts": Recommender._meta,
            "media": self.model_admin.media,
            "recommender": self.recommender,
            "live": self.recommender.live_version,
            "adminform": AdminForm(context["form"], fieldsets, {}),
        }

    def form_valid(self, form: RollBackForm) -> HttpResponse:
        wanted = form.cleaned_data
        try:
            deployment = roll_back(self.recommender, by=self.request.user, **wanted)
        except RollBackError as refusal:
            form.add_error(refusal.field, str(refusal))
        except (CorruptArtifact, IllegalVersionMove) as refusal:
            form.add_error("to", f"{refusal}. Nothing was changed.")
        else:
            held = "Its policies are held." if wanted["hold"] else "Its policies go on."
            done = format_html("{} is live again. {}", link(deployment.version), held)
            messages.success(self.request, done)
            return redirect("admin:updates_recommender_change", self.recommender.pk)
        return self.form_invalid(form)
