"""Delete a recommender with its history, its samples and its files."""

from collections.abc import Iterable

from django.db import transaction

from updates.models import Checkpoint, ModelVersion, Recommender, UpdateRun
from updates.models.run import ACTIVE
from updates.store import artifacts


class StillUpdating(RuntimeError):
    """An update is under way; ``run`` is the one to cancel first."""

    def __init__(self, run: UpdateRun) -> None:
        super().__init__(f"Run {run.pk} is {run.state}; cancel it first.")
        self.run = run


class StillChallenged(RuntimeError):
    """Challengers learn from its samples; they are deleted first."""

    def __init__(self, slugs: Iterable[str]) -> None:
        super().__init__(f"{', '.join(slugs)} learn from its samples; delete them first.")


def delete_recommender(recommender: Recommender) -> None:
    """Everything of it goes, the rows in one transaction and then the bytes.

    Its samples go with it wherever it is deleted (``updates.apps``).

    Raises StillUpdating while a run is queued or at work, and StillChallenged.
    """
    with transaction.atomic():
        recommender = Recommender.objects.select_for_update().get(pk=recommender.pk)
        if slugs := recommender.challenger_slugs:
            raise StillChallenged(slugs)
        if run := recommender.runs.filter(state__in=ACTIVE).first():
            raise StillUpdating(run)
        digests = {
            *recommender.versions.values_list("digest", flat=True),
            *Checkpoint.objects.filter(recommender=recommender).values_list("digest", flat=True),
        }
        _delete_rows(recommender)
        recommender.delete()
        transaction.on_commit(lambda: _delete_files(digests))


def _delete_rows(recommender: Recommender) -> None:
    # Deployments and descendants protect a version from being deleted alone: they go first.
    recommender.deployments.all().delete()
    recommender.versions.update(parent=None)
    recommender.versions.all().delete()


def _delete_files(digests: Iterable[str]) -> None:
    # Equal learning gives equal digests: another recommender may hold the same artifact.
    shared = {
        digest
        for model in (ModelVersion, Checkpoint)
        for digest in model.objects.filter(digest__in=digests).values_list("digest", flat=True)
    }
    for digest in set(digests) - shared:
        artifacts().delete(digest)
