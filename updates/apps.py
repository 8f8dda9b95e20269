from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete


class UpdatesConfig(AppConfig):
    name = "updates"

    def ready(self) -> None:
        from updates import joiners
        from updates.audit import receivers
        from updates.flows.online import position
        from updates.learners.sklearn_estimator.allowed import ESTIMATORS
        from updates.learners.wide_deep.store import FILES
        from updates.models import Recommender
        from updates.samples import log

        receivers.connect()
        if settings.RECADMIN_ESTIMATORS:
            ESTIMATORS.allow(settings.RECADMIN_ESTIMATORS)
        FILES.folder = settings.RECADMIN_DATA / "vectors"
        for module in (log, joiners, position):
            post_delete.connect(
                module.delete_with_recommender, sender=Recommender, dispatch_uid=module.__name__
            )
