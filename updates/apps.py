from django.apps import AppConfig
from django.db.models.signals import post_delete


class UpdatesConfig(AppConfig):
    name = "updates"

    def ready(self) -> None:
        from updates import joiners
        from updates.flows.online import position
        from updates.models import Recommender
        from updates.samples import log

        for module in (log, joiners, position):
            post_delete.connect(
                module.delete_with_recommender, sender=Recommender, dispatch_uid=module.__name__
            )
