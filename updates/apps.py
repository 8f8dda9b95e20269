from django.apps import AppConfig
from django.db.models.signals import post_delete


class UpdatesConfig(AppConfig):
    name = "updates"

    def ready(self) -> None:
        from updates.models import Recommender
        from updates.samples.log import delete_with_recommender

        post_delete.connect(
            delete_with_recommender, sender=Recommender, dispatch_uid="updates.samples.log"
        )
