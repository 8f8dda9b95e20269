"""Hand in vectors that were learned elsewhere, for embeddings to begin at."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from safetensors import SafetensorError
from safetensors.numpy import load

from updates.learners.wide_deep.learner import WideDeep
from updates.learners.wide_deep.pretrained import VectorsError
from updates.learners.wide_deep.store import FILES
from updates.models import Recommender


class Command(BaseCommand):
    help = (
        "Keep a safetensors file of vectors for a recommender that learns by wide_deep, and print "
        "the digest to set its option pretrained to. See docs/wide-deep.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="of the recommender, whose fields and options must fit")
        parser.add_argument("file", type=Path, help="of vectors")

    def handle(self, *args: Any, slug: str, file: Path, **options: Any) -> None:
        recommender = Recommender.objects.filter(slug=slug).first()
        if recommender is None:
            raise CommandError(f"There is no recommender {slug!r}.")
        learner = recommender.new_learner()
        if not isinstance(learner, WideDeep):
            raise CommandError(f"{slug} learns by {recommender.learner}, which has no embeddings.")
        try:
            content = file.read_bytes()
            learner.pretrain(load(content))
        except (OSError, SafetensorError, VectorsError) as error:
            raise CommandError(f"{file}: {error}") from error
        digest = FILES.put(content)
        self.stdout.write(
            f"{learner.vectors.size:,} vectors are kept. For {slug} to begin at them, set "
            f"learner_options.pretrained to {digest}"
        )
