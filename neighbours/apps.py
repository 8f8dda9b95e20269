from django.apps import AppConfig
from django.conf import settings


class NeighboursConfig(AppConfig):
    name = "neighbours"

    def ready(self) -> None:
        # They register what "manage.py check" looks at.
        from neighbours import checks  # noqa: F401

        if settings.MLFLOW_TRACKING_URI or settings.OPENLINEAGE:
            from neighbours.report import asked
            from recadmin.checks import PROBES, Probe

            PROBES.append(Probe(asked, {}))
        if settings.FEAST_REPO is not None:
            from neighbours.feast import checks as feast_checks  # noqa: F401
            from neighbours.feast import sent

            sent.connect()
