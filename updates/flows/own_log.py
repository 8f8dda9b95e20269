"""What is sent to a log goes to the recommender that owns it: a challenger takes no samples."""

from updates.models import Recommender


class SharesLog(RuntimeError):
    """It learns another's samples; ``champion`` is the recommender to turn to."""

    def __init__(self, challenger: Recommender) -> None:
        self.champion = challenger.challenges
        super().__init__(
            f"{challenger.slug} challenges {self.champion.slug} and learns from its samples: send "
            f"this to {self.champion.slug}."
        )


def ensure_owns_log(recommender: Recommender) -> None:
    """Raises SharesLog for a challenger."""
    if recommender.challenges_id is not None:
        raise SharesLog(recommender)
