"""What ``manage.py check`` says of a Feast repo that settings name."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_feast(**kwargs: Any) -> list[CheckMessage]:
    """Feast is installed, and the folder is a repo. Nothing is loaded."""
    if settings.FEAST_REPO is None:
        return []
    if find_spec("feast") is None:
        return [
            Error(
                "FEAST_REPO is set, and Feast is not installed.",
                hint="Run “pip install -r requirements-neighbours.txt”, or unset FEAST_REPO.",
                id="neighbours.E004",
            )
        ]
    if not (settings.FEAST_REPO / "feature_store.yaml").is_file():
        return [
            Error(
                f"FEAST_REPO is {settings.FEAST_REPO}, which has no feature_store.yaml.",
                hint="Set it to the folder of the feature repo.",
                id="neighbours.E005",
            )
        ]
    return []
