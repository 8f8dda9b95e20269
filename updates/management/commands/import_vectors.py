"""Hand in vectors that were learned elsewhere, for embeddings to begin at."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from safetensors import SafetensorError
from safetensors.numpy import load, save

from updates.artifacts import CorruptArtifact
from updates.learners.factors.learner import Factors
from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.pretrained import VectorsError
from updates.learners.wide_deep.store import FILES
from updates.models import Recommender
from updates.serving.loader import load as load_version


class Command(BaseCommand):
    help = (
        "Keep vectors, of a safetensors file or of another recommender's live factors, for a "
        "recommender that learns by wide_deep, and print the digest to set its option pretrained "
        "to. See docs/wide-deep.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="of the recommender, whose fields and options must fit")
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", type=Path, nargs="?", help="of vectors")
        source.add_argument(
            "--factors", metavar="SLUG", help="take those of this recommender's live version"
        )

    def handle(
        self, *args: Any, slug: str, file: Path | None, factors: str | None, **options: Any
    ) -> None:
        recommender = Recommender.objects.filter(slug=slug).first()
        if recommender is None:
            raise CommandError(f"There is no recommender {slug!r}.")
        learner = recommender.new_learner()
        if not isinstance(learner, WideDeep):
            raise CommandError(f"{slug} learns by {recommender.learner}, which has no embeddings.")
        try:
            content = file.read_bytes() if file else _factors(factors)
            learner.pretrain(load(content))
        except (OSError, SafetensorError, VectorsError, CorruptArtifact) as error:
            raise CommandError(f"{file or factors}: {error}") from error
        digest = FILES.put(content)
        self.stdout.write(
            f"{learner.vectors.size:,} vectors are kept. For {slug} to begin at them, set "
            f"learner_options.pretrained to {digest}"
        )


def _factors(slug: str) -> bytes:
    """The vectors of a recommender's live version, as a file."""
    recommender = Recommender.objects.select_related("live_version").filter(slug=slug).first()
    live = recommender and recommender.live_version
    learner = load_version(live, serving=True) if live else None
    if not isinstance(learner, Factors):
        raise CommandError(f"{slug} has no live version of factors.")
    return save(learner.pretrained())
