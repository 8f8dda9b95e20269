"""Print what the requests to a recommender's trainer are signed with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recadmin.webhooks import secret_text
from updates.flows.external.webhook import key_of
from updates.learners.external import Runner
from updates.models import Recommender


class Command(BaseCommand):
    help = "Prints the secret that a recommender's webhook is signed with; keep it as a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")

    def handle(self, *args: Any, slug: str, **options: Any) -> None:
        recommender = Recommender.objects.filter(slug=slug).first()
        if recommender is None:
            raise CommandError(f"There is no recommender {slug}.")
        settings = {} if recommender.trained_here else recommender.new_learner().settings
        if settings.get("runner") != Runner.WEBHOOK:
            raise CommandError(f"{slug} is not external with runner webhook: nobody is called.")
        self.stdout.write(secret_text(key_of(recommender)))
