"""Update policies: what to update, when, from which data, under which guardrails."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from recadmin.roles import ADMIN, has_role
from updates import words
from updates.admin.audited import AuditedAdmin
from updates.admin.fieldsets import policy_fieldsets
from updates.admin.policy_form import CADENCE_FIELDS, PolicyForm
from updates.admin.preview import PreviewView
from updates.admin.receipt import receipt_table
from updates.admin.refusals import told
from updates.admin.related import state_of
from updates.admin.roles import Operable
from updates.admin.shown import link, linked, moment
from updates.flows.change_cadence import change_cadence
from updates.flows.create_policy import create_policy
from updates.flows.pause import pause, resume
from updates.flows.preview_cadence import preview_cadence
from updates.flows.roll_back import lift_hold
from updates.flows.trigger import trigger
from updates.models import Recommender, UpdatePolicy
from updates.samples.log import LogUnavailable


@admin.register(UpdatePolicy)
class UpdatePolicyAdmin(Operable, AuditedAdmin):
    form = PolicyForm
    list_display = ["name", "of", "strategy", "parts", "fires", "state", "next_due_at"]
    list_filter = ["recommender", "strategy", "trigger", "enabled"]
    search_fields = ["name", "recommender__slug"]
    list_select_related = ["recommender"]
    save_on_top = True
    actions = ["run_now", "pause", "resume", "lift_hold"]
    of = staticmethod(linked("recommender"))

    class Media:
        css = {"all": ["updates/admin/admin.css"]}
        js = [Script("updates/admin/policy.js", defer=True)]

    @admin.display(description="components")
    def parts(self, policy: UpdatePolicy) -> str:
        return ", ".join(policy.components) or "all"

    @admin.display(description="fires")
    def fires(self, policy: UpdatePolicy) -> str:
        return words.cadence(policy.cadence)

    @admin.display(description="state", ordering="enabled")
    def state(self, policy: UpdatePolicy) -> str:
        return state_of(policy)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(PreviewView.as_view(model_admin=self))
        return [
            path("preview/", view, name="updates_updatepolicy_preview"),
            path("<int:pk>/preview/", view, name="updates_updatepolicy_preview_of"),
            *super().get_urls(),
        ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple[str, Any]]:
        editable = self.has_change_permission(request, obj) if obj else True
        return policy_fieldsets(obj, editable=editable)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["state", "next_due_at", "last_due_at", "skipped_fires"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[PolicyForm]:
        form = super().get_form(request, obj, **kwargs)
        form.recommender_given = obj.recommender if obj else _chosen(request)
        form.may_configure = has_role(request.user, ADMIN)
        return form

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """First for which recommender: its learner decides which components there are."""
        if self.has_add_permission(request) and not _chosen(request):
            return self._choose_recommender(request)
        return super().add_view(request, form_url, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except LogUnavailable:
            # A schedule that counts samples asks the log for them; the transaction is undone.
            messages.error(request, "The sample log does not answer: nothing was saved.")
            return redirect(request.get_full_path())

    def _choose_recommender(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Add update policy: for which recommender?",
            "opts": UpdatePolicy._meta,
            "media": self.media,
            "recommenders": Recommender.objects.all(),
        }
        return render(request, "admin/updates/updatepolicy/choose_recommender.html", context)

    def save_model(self, request: HttpRequest, obj: UpdatePolicy, form: Any, change: bool) -> None:
        """Each change through its flow; the rest writes what was changed and nothing else."""
        if change:
            obj._history_user = request.user
            self._save_changes(request, obj, set(form.changed_data))
        else:
            create_policy(obj, by=request.user)
            self._tell_first_fire(request, obj)
        for question in preview_cadence(obj, timezone.now()).questions:
            messages.warning(request, question)

    def _save_changes(self, request: HttpRequest, obj: UpdatePolicy, changed: set[str]) -> None:
        with transaction.atomic():
            if "enabled" in changed:
                (resume if obj.enabled else pause)(obj, by=request.user)
            if changed & set(CADENCE_FIELDS):
                receipt = change_cadence(obj, obj.cadence, by=request.user)
                messages.info(request, mark_safe(receipt_table(receipt)))  # noqa: S308 - a template's
            if rest := sorted(changed - {"enabled", *CADENCE_FIELDS}):
                obj.save(update_fields=rest)

    def _tell_first_fire(self, request: HttpRequest, obj: UpdatePolicy) -> None:
        first = f", first on {moment(obj.next_due_at)}" if obj.next_due_at else ""
        messages.info(request, f"It fires {words.cadence(obj.cadence)}{first}.")

    @admin.action(description="Run now", permissions=["operate"])
    def run_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        for policy in queryset.select_related("recommender"):
            with told(request):
                run = trigger(
                    policy.recommender,
                    policy=policy,
                    requested_by=request.user,
                    reason="run now, in the admin",
                )
                messages.success(request, format_html("{} is queued.", link(run)))

    @admin.action(description="Pause: fires no more", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> None:
        for policy in queryset:
            pause(policy, by=request.user)
            self.message_user(request, f"{policy} is paused.")

    @admin.action(description="Resume: fires again from its next time on", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> None:
        for policy in queryset:
            with told(request):
                resume(policy, by=request.user)
                hold = policy.hold_reason
                held = f" once its hold is lifted ({hold})" if hold else ""
                self.message_user(request, f"{policy} fires again{held}.")

    @admin.action(description="Lift the hold of a roll-back", permissions=["operate"])
    def lift_hold(self, request: HttpRequest, queryset: QuerySet) -> None:
        for policy in queryset:
            if not policy.hold_reason:
                self.message_user(request, f"{policy} was not held.", messages.WARNING)
                continue
            with told(request):
                lift_hold(policy, by=request.user)
                self.message_user(request, f"The hold on {policy} is lifted.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """Its receipts go with it, though they are history and can't be deleted alone."""
        shown, count, _, protected = super().get_deleted_objects(objs, request)
        return shown, count, set(), protected


def _chosen(request: HttpRequest) -> Recommender | None:
    """The recommender that the address names, if it names one."""
    key = request.GET.get("recommender", "")
    return Recommender.objects.filter(pk=key).first() if key.isdecimal() else None
