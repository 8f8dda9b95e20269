"""What tests of challengers share: a challenger of a champion."""

from updates.models import Recommender
from updates.models.log_owner import OF_THE_LOG


def challenge(champion: Recommender, slug: str = "challenger", **fields) -> Recommender:
    """One that learns as the champion does, but for the fields given."""
    same = {name: getattr(champion, name) for name in (*OF_THE_LOG, "learner", "learner_options")}
    made = Recommender(slug=slug, name=slug.title(), challenges=champion, **same | fields)
    made.full_clean()
    made.save()
    return made
