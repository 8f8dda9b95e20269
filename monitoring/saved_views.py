"""Views of the fleet that people have given a name."""

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """What one person asks the fleet page for, under a name of their own."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=60)
    query = models.TextField(blank=True, max_length=1000, help_text="As in the page's address.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"], name="one_saved_view_of_a_name_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.name
