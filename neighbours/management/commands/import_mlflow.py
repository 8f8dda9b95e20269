"""Take over the versions of a model of MLflow's registry."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from neighbours.mlflow.take import WATERMARK_TAG, Imported, NotImported, import_model
from updates.artifacts import CorruptArtifact
from updates.models import Recommender
from updates.models.version import IllegalVersionMove
from updates.samples.log import LogUnavailable


class Command(BaseCommand):
    help = (
        "Records the versions of a registered model of MLflow, by reference, as versions of a "
        "recommender that is trained elsewhere. Again, it records what is new. See "
        "docs/neighbours.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="of the recommender, whose learner is external")
        parser.add_argument("model", help="name in MLflow's registry")
        parser.add_argument("--alias", default="", help="of the version to make live")
        parser.add_argument(
            "--watermark-tag",
            default=WATERMARK_TAG,
            help="tag of a version or its run: the newest event time that it has learned, ISO 8601 "
            "(default: %(default)s)",
        )

    def handle(
        self, *args: Any, slug: str, model: str, alias: str, watermark_tag: str, **options: Any
    ) -> None:
        recommender = Recommender.objects.filter(slug=slug).first()
        if recommender is None:
            raise CommandError(f"There is no recommender {slug!r}.")
        try:
            found = import_model(recommender, model, alias=alias, watermark_tag=watermark_tag)
        except (NotImported, IllegalVersionMove, CorruptArtifact, LogUnavailable) as error:
            raise CommandError(str(error)) from error
        for line in _lines(found):
            self.stdout.write(line)


def _lines(found: Imported) -> list[str]:
    lines = [
        f"{each.mlflow_model} {each.mlflow_version} is version {each.version.number}."
        for each in found.versions
    ]
    lines += [f"Version {number} has no SHA-256: {why}" for number, why in found.unsummed]
    lines += [f"Version {number} was left out: {why}." for number, why in found.left_out]
    if found.deployment:
        lines.append(f"Version {found.deployment.version.number} is live now.")
    elif found.unmoved:
        lines.append(f"What is live has not changed: {found.unmoved}.")
    return lines or ["Nothing is new."]
