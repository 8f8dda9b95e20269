"""What happened: versions, runs, deployments, archived segments and cadence changes."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from updates import words
from updates.admin.read_only import ReadOnly, ReadOnlyAdmin
from updates.admin.receipt import receipt_table
from updates.admin.shown import linked, pretty_json
from updates.models import (
    CadenceChange,
    Deployment,
    ModelVersion,
    RunTransition,
    Segment,
    UpdateRun,
)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "state", "watermark", "ne", "size", "created_at"]
    list_filter = ["state", "recommender"]
    list_select_related = ["recommender"]
    search_fields = ["digest", "recommender__slug"]
    fieldsets = [
        (None, {"fields": ["of", "number", "state", "state_reason", "made_from", "created_at"]}),
        ("Learned", {"fields": ["watermark", "next_offset", "ranges", "parts"]}),
        ("Quality and sparsity", {"fields": ["measured", "sparse"]}),
        ("Bytes", {"fields": ["learner", "options", "digest", "size", "pruned_at"]}),
    ]
    of = staticmethod(linked("recommender"))
    made_from = staticmethod(linked("parent", "follows"))
    ranges = staticmethod(pretty_json("learned_ranges"))
    parts = staticmethod(pretty_json("components"))
    measured = staticmethod(pretty_json("metrics"))
    sparse = staticmethod(pretty_json("sparsity"))
    options = staticmethod(pretty_json("learner_options"))

    @admin.display(description="NE")
    def ne(self, version: ModelVersion) -> str:
        ne = (version.metrics.get("candidate") or {}).get("ne")
        return "–" if ne is None else f"{ne:.4f}"

    @admin.display(description="size", ordering="artifact_bytes")
    def size(self, version: ModelVersion) -> str:
        return filesizeformat(version.artifact_bytes)


class TransitionInline(ReadOnly, admin.TabularInline):
    model = RunTransition
    fields = ["at", "from_state", "to_state", "why", "by"]
    readonly_fields = fields
    extra = 0


@admin.register(UpdateRun)
class UpdateRunAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "state", "policy", "queued_at", "finished_at", "wall", "samples"]
    list_filter = ["state", "strategy", "recommender"]
    list_select_related = ["recommender", "policy__recommender"]
    search_fields = ["recommender__slug", "policy__name", "error"]
    inlines = [TransitionInline]
    fieldsets = [
        (None, {"fields": ["of", "by_policy", "strategy", "components", "window", "state"]}),
        ("Why", {"fields": ["reason", "requested_by", "due_at", "coalesced_fires", "error"]}),
        ("When", {"fields": ["queued_at", "started_at", "finished_at", "worker", "attempt"]}),
        ("Learned", {"fields": ["base", "result", "samples", "steps", "measured"]}),
        ("Cost", {"fields": ["wall", "cpu", "peak_memory"]}),
    ]
    of = staticmethod(linked("recommender"))
    by_policy = staticmethod(linked("policy"))
    base = staticmethod(linked("base_version"))
    result = staticmethod(linked("result_version"))
    steps = staticmethod(pretty_json("ranges"))
    measured = staticmethod(pretty_json("metrics"))

    @admin.display(description="wall time", ordering="wall_seconds")
    def wall(self, run: UpdateRun) -> str:
        return words.duration(run.wall_seconds)

    @admin.display(description="CPU time")
    def cpu(self, run: UpdateRun) -> str:
        return words.duration(run.cpu_seconds)

    @admin.display(description="peak memory")
    def peak_memory(self, run: UpdateRun) -> str:
        return filesizeformat(run.peak_memory_bytes)

    @admin.display(description="window")
    def window(self, run: UpdateRun) -> str:
        return words.duration(run.window_seconds) if run.window_seconds else "the whole log"


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ["version", "kind", "started_at", "ended_at", "moved_by", "why"]
    list_filter = ["kind", "recommender"]
    list_select_related = ["version__recommender", "moved_by"]
    search_fields = ["reason", "recommender__slug"]
    fields = ["of", "what", "before", "kind", "reason", "moved_by", "by_run"]
    fields += [
        "started_at",
        "ended_at",
        "scored_requests",
        "scored_rows",
        "scored_users",
        "stale_requests",
    ]
    of = staticmethod(linked("recommender"))
    what = staticmethod(linked("version"))
    before = staticmethod(linked("previous", "version before"))
    by_run = staticmethod(linked("run"))

    @admin.display(description="reason")
    def why(self, deployment: Deployment) -> str:
        return deployment.reason if len(deployment.reason) < 80 else f"{deployment.reason[:80]}…"


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    list_display = ["recommender", "first_offset", "last_offset", "min_event_time"]
    list_display += ["max_event_time", "size", "archived_at"]
    list_filter = ["recommender"]
    list_select_related = ["recommender"]

    @admin.display(description="size", ordering="bytes")
    def size(self, segment: Segment) -> str:
        return filesizeformat(segment.bytes)


@admin.register(CadenceChange)
class CadenceChangeAdmin(ReadOnlyAdmin):
    list_display = ["changed_at", "policy", "words_before", "words_after", "changed_by"]
    list_filter = ["policy__recommender"]
    fields = ["of", "changed_at", "changed_by", "receipt"]
    of = staticmethod(linked("policy"))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("policy__recommender", "changed_by")

    @admin.display(description="before")
    def words_before(self, change: CadenceChange) -> str:
        return words.cadence_from_json(change.before)

    @admin.display(description="after")
    def words_after(self, change: CadenceChange) -> str:
        return words.cadence_from_json(change.after)

    @admin.display(description="receipt")
    def receipt(self, change: CadenceChange) -> str:
        return receipt_table(change)
