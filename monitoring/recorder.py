"""Records what happened."""


def connect() -> None:
    """Listen to the signals of updates."""
