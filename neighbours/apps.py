from django.apps import AppConfig
from django.conf import settings


class NeighboursConfig(AppConfig):
    name = "neighbours"

    def ready(self) -> None:
        if settings.FEAST_REPO is not None:
            from django.core.checks import register

            from neighbours.feast import checks, sent

            register(checks.check_feast)
            sent.connect()
