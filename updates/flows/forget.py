"""What Valkey still holds of recommenders that are gone."""

from datetime import datetime, timedelta

from recadmin.valkey import connection
from updates.models import Recommender
from updates.samples.durable import unavailable_as_such

# Whoever still wrote for it when it was deleted has ended long before.
LOOK_BACK = timedelta(hours=1)
KEYS_AT_ONCE = 1_000


def forget_deleted(now: datetime) -> int:
    """Delete the keys of recommenders deleted of late. Returns how many there were.

    Deleting one takes its keys with it; this takes what a request or a join that was under way
    wrote after that, and what stayed because Valkey was away. Raises LogUnavailable.
    """
    gone = Recommender.history.filter(history_type="-", history_date__gt=now - LOOK_BACK)
    prefixes = {
        f"{Recommender(pk=pk).stream_key}:".encode() for pk in gone.values_list("id", flat=True)
    }
    if not prefixes:
        return 0
    client, forgotten = connection(), 0
    with unavailable_as_such():
        for key in client.scan_iter("recadmin:{r*}:*", count=KEYS_AT_ONCE):
            if key[: key.index(b"}") + 2] in prefixes:
                forgotten += client.unlink(key)
    return forgotten
