"""Free the disk of versions that nobody will go back to."""

from datetime import datetime, timedelta

from django.utils import timezone

from updates.models import Checkpoint, ModelVersion, Recommender, UpdateRun
from updates.models.run import ACTIVE
from updates.store import artifacts

# From an artifact's last byte to the row that makes it count it takes seconds.
ABANDONED_AFTER = timedelta(hours=1)


def prune(recommender: Recommender) -> int:
    """Free the files beyond the newest ``keep_versions``; rows and manifests stay. How many.

    The live version, one on trial and the bases of updates under way are always kept.
    """
    keep = set(
        recommender.versions.order_by("-number").values_list("pk", flat=True)[
            : recommender.keep_versions
        ]
    )
    keep.add(recommender.live_version_id)
    keep.update(recommender.canaries.running().values_list("version_id", flat=True))
    keep.update(
        UpdateRun.objects.filter(recommender=recommender, state__in=ACTIVE).values_list(
            "base_version_id", flat=True
        )
    )
    doomed = list(recommender.versions.filter(pruned_at=None).exclude(pk__in=keep - {None}))
    for version in doomed:
        version.pruned_at = timezone.now()
        version.save(update_fields=["pruned_at"])
        shared = ModelVersion.objects.filter(digest=version.digest, pruned_at=None)
        checkpoint = Checkpoint.objects.filter(digest=version.digest)
        if not shared.exists() and not checkpoint.exists():
            artifacts().prune(version.digest)
    return len(doomed)


def sweep(now: datetime) -> int:
    """Delete what workers left that died between an artifact and the row that makes it count:
    files that are no version's and no checkpoint's, and drafts. How many."""
    before = (now - ABANDONED_AFTER).timestamp()
    strays = artifacts().published_before(before)
    for model in (ModelVersion, Checkpoint):
        strays -= set(model.objects.values_list("digest", flat=True))
    for digest in strays:
        artifacts().delete(digest)
    return len(strays) + artifacts().sweep_drafts(before)
