from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        from monitoring import recorder
        from monitoring.alerts import audit

        audit.connect()
        recorder.connect()
