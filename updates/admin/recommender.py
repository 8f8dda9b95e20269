"""Recommenders: configured here, run, paused, resumed and rolled back here."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from updates import words
from updates.admin.audited import AuditedAdmin
from updates.admin.fieldsets import recommender_fieldsets
from updates.admin.recommender_form import RecommenderForm, as_challenger, suggested_options
from updates.admin.refusals import told
from updates.admin.related import related_tables
from updates.admin.roles import Operable
from updates.admin.roll_back import RollBackView
from updates.admin.shown import link, linked
from updates.flows.adopt import copy_policies
from updates.flows.delete_recommender import StillChallenged, StillUpdating, delete_recommender
from updates.flows.pause import pause_all, resume_all
from updates.flows.trigger import trigger
from updates.models import Recommender
from updates.models.policy import Strategy

BACK = "_back"


@admin.register(Recommender)
class RecommenderAdmin(Operable, AuditedAdmin):
    form = RecommenderForm
    list_display = ["slug", "name", "learner", "live", "objective", "firing"]
    list_filter = ["learner"]
    search_fields = ["slug", "name"]
    list_select_related = ["live_version__recommender"]
    prepopulated_fields = {"slug": ["name"]}
    save_on_top = True
    actions = ["run_full", "run_incremental", "pause", "resume", "roll_back", "add_challenger"]
    live = staticmethod(linked("live_version"))

    class Media:
        css = {"all": ["updates/admin/admin.css"]}
        js = [Script("updates/admin/recommender.js", defer=True)]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("policies")

    @admin.display(description="objective", ordering="freshness_objective_seconds")
    def objective(self, recommender: Recommender) -> str:
        return words.duration(recommender.freshness_objective_seconds)

    @admin.display(description="policies that fire")
    def firing(self, recommender: Recommender) -> str:
        policies = recommender.policies.all()
        return f"{sum(policy.active for policy in policies)} of {len(policies)}"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple[Any, Any]]:
        return recommender_fieldsets(obj)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[RecommenderForm]:
        """Filled in with what a what-if suggests, for somebody to look at and save."""
        form = super().get_form(request, obj, change, **kwargs)
        suggested = suggested_options(request.GET) if request.method == "GET" and obj else {}
        return type(form.__name__, (form,), {"suggested": suggested}) if suggested else form

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else self.prepopulated_fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(RollBackView.as_view(model_admin=self))
        name = "updates_recommender_roll_back"
        return [path("<int:pk>/roll-back/", view, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        recommender = self.get_object(request, object_id)
        extra = {"can_operate": self.has_operate_permission(request), "back": BACK}
        if recommender:
            extra["related_tables"] = related_tables(recommender)
        return super().change_view(request, object_id, form_url, extra | (extra_context or {}))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A challenger begins as a copy of its champion."""
        initial = super().get_changeform_initial_data(request)
        pk = initial.get("challenges", "")
        champion = Recommender.objects.filter(pk=pk).first() if pk.isdecimal() else None
        return (as_challenger(champion) if champion else {}) | initial

    def save_model(self, request: HttpRequest, obj: Recommender, form: Any, change: bool) -> None:
        """Writes what was changed and nothing else: a promotion meanwhile is not undone."""
        obj._history_user = request.user
        if not change:
            obj.save()
            if obj.challenges:
                copied = copy_policies(obj.challenges, obj, by=request.user)
                names = ", ".join(policy.name for policy in copied) or "it has none"
                self.message_user(
                    request,
                    f"It has the policies of {obj.challenges.slug}: {names}. Change those "
                    "that are to differ, then run a full update.",
                )
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)
            if "learner_options" in form.changed_data:
                self.message_user(request, "The next full update learns with the new options.")

    @admin.action(description="Run a full update now", permissions=["operate"])
    def run_full(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        for recommender in queryset:
            _run(request, recommender, Strategy.FULL)
        return _back(request, queryset)

    @admin.action(description="Run an incremental update now", permissions=["operate"])
    def run_incremental(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        for recommender in queryset:
            _run(request, recommender, Strategy.INCREMENTAL)
        return _back(request, queryset)

    @admin.action(description="Pause: its policies fire no more", permissions=["operate"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        for recommender in queryset:
            paused = [policy.name for policy in pause_all(recommender, by=request.user)]
            names = ", ".join(paused) or "no policy was on"
            self.message_user(request, f"{recommender.slug} is paused: {names}.")
        return _back(request, queryset)

    @admin.action(description="Resume: its policies fire again", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        for recommender in queryset:
            with told(request):
                resumed = [policy.name for policy in resume_all(recommender, by=request.user)]
                names = ", ".join(resumed) or "no policy was paused with it or held"
                off = recommender.policies.filter(enabled=False).values_list("name", flat=True)
                rest = f" Still off, as paused by themselves: {', '.join(off)}." if off else ""
                self.message_user(request, f"{recommender.slug} is resumed: {names}.{rest}")
        return _back(request, queryset)

    @admin.action(description="Roll back …", permissions=["operate"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if queryset.count() != 1:
            messages.error(request, "Select one recommender to roll back.")
            return None
        return HttpResponseRedirect(
            reverse("admin:updates_recommender_roll_back", args=[queryset.get().pk])
        )

    @admin.action(description="Add a challenger …", permissions=["add"])
    def add_challenger(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        champion = queryset.first()
        if queryset.count() != 1 or champion.challenges_id is not None:
            messages.error(request, "Select one recommender that is no challenger itself.")
            return None
        address = reverse("admin:updates_recommender_add")
        return HttpResponseRedirect(f"{address}?challenges={champion.pk}")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Deleted one at a time: models, samples and files go with it.
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """All of its rows go with it, also those that are history and can't be deleted alone."""
        names = [
            format_html(
                "{} ({}), its {} versions, {} runs, all samples and files",
                recommender.name,
                recommender.slug,
                recommender.versions.count(),
                recommender.runs.count(),
            )
            for recommender in objs
        ]
        return names, {"recommenders": len(names)}, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, *args)
        except StillUpdating as busy:
            messages.error(request, format_html("{} {}", busy, link(busy.run)))
        except StillChallenged as challenged:
            messages.error(request, str(challenged))
        return HttpResponseRedirect(reverse("admin:updates_recommender_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: Recommender) -> None:
        delete_recommender(obj)


def _run(request: HttpRequest, recommender: Recommender, strategy: Strategy) -> None:
    """As its policy of that strategy says, where it has exactly one; else over the whole log."""
    policies = list(recommender.policies.filter(strategy=strategy)[:2])
    policy = policies[0] if len(policies) == 1 else None
    with told(request):
        run = trigger(
            recommender,
            policy=policy,
            strategy=None if policy else strategy,
            requested_by=request.user,
            reason="run now, in the admin",
        )
        how = (
            f"with the window and guardrails of policy {policy.name}"
            if policy
            else ("with the default guardrails")
        )
        messages.success(request, format_html("{} is queued, {}.", link(run), how))


def _back(request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
    """To the recommender's page, if the action was called from there."""
    if BACK not in request.POST:
        return None
    return HttpResponseRedirect(
        reverse("admin:updates_recommender_change", args=[queryset.get().pk])
    )
