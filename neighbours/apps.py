from django.apps import AppConfig
from django.conf import settings


class NeighboursConfig(AppConfig):
    name = "neighbours"

    def ready(self) -> None:
        from neighbours import checks  # noqa: F401  (registers them)

        if settings.MLFLOW_TRACKING_URI or settings.OPENLINEAGE:
            from neighbours.report import findings
            from recadmin.checks import PROBES, Probe

            PROBES.append(Probe(findings, {}))
