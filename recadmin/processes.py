"""The processes of an installation on one machine, as the Procfile names them."""

import shlex
import sys
from pathlib import Path

from django.conf import settings

PROCFILE = Path(settings.BASE_DIR) / "Procfile"


def commands(port: int, *, demo: bool) -> dict[str, str]:
    """Command lines by name: those of the Procfile that this installation needs."""
    lines = [line for line in PROCFILE.read_text().splitlines() if line.strip()]
    named = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    if not settings.EMBEDDED_VALKEY:
        named.pop("valkey")
    if not demo:
        named.pop("demo")
    python = shlex.quote(sys.executable)
    return {
        name: f"{python} -m recadmin.keep_running "
        + command.replace("python", python).replace("$PORT", str(port))
        for name, command in named.items()
    }
