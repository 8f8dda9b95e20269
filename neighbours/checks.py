"""What ``manage.py check`` says of neighbours that are set up and cannot be told."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

INSTALL = "pip install -r requirements-neighbours.txt"


@register
def packages(**kwargs: Any) -> list[CheckMessage]:
    """Found without being loaded."""
    needed = [
        ("MLFLOW_TRACKING_URI", settings.MLFLOW_TRACKING_URI, "mlflow", "neighbours.E001"),
        ("OPENLINEAGE_…", settings.OPENLINEAGE, "openlineage", "neighbours.E002"),
    ]
    return [
        Error(f"{name} is set, and the package {package} is not installed.", INSTALL, id=number)
        for name, is_set, package, number in needed
        if is_set and find_spec(package) is None
    ]


@register
def lineage_configuration(**kwargs: Any) -> list[CheckMessage]:
    """OpenLineage's client prints events where the file that it is to read is not there."""
    file = os.environ.get("OPENLINEAGE_CONFIG", "")
    if not settings.OPENLINEAGE or not file or os.access(Path(file), os.R_OK):
        return []
    return [
        Error(f"OPENLINEAGE_CONFIG names no file that can be read: {file}.", id="neighbours.E003")
    ]
