"""A recommender of the demo with its policies, and its first version."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from updates.flows.create_policy import create_policy
from updates.flows.trigger import WriterBusy, trigger
from updates.models import Recommender, UpdatePolicy


@transaction.atomic
def set_up(
    slug: str, about: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]
) -> Recommender:
    """The recommender with its policies, created together, else left as it is."""
    recommender, created = Recommender.objects.get_or_create(slug=slug, defaults=about)
    if created:
        for policy in policies:
            create_policy(UpdatePolicy(recommender=recommender, **policy))
    return recommender


def first_update(recommender: Recommender) -> None:
    """Train a first version, where there is none."""
    if recommender.live_version is not None:
        return
    # Started again in the middle of the first update: it is under way.
    with contextlib.suppress(WriterBusy):
        trigger(recommender, strategy="full", reason="the demo's first version")
