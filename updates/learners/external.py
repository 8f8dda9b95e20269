"""A model that its team's own trainer makes: any framework, any machine.

recadmin hands out its runs, judges what comes back and moves its versions; it neither learns nor
predicts with it. See docs/external.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from updates.learners.elsewhere import Elsewhere
from updates.learners.options import Option, OptionError

DAY_SECONDS = 86_400
SCHEMES = ("http", "https")
LONGEST_URL = 2_000


class Runner(StrEnum):
    """How a run reaches its trainer."""

    PULL = "pull"
    WEBHOOK = "webhook"
    COMMAND = "command"


class External(Elsewhere):
    """Its options say how a run reaches the trainer, and how long it may take."""

    name = "external"
    options = (
        Option(
            "runner",
            Runner.PULL.value,
            "pull: the trainer asks for work when it likes; webhook: recadmin calls it; command: a "
            "worker starts it.",
            choices=tuple(runner.value for runner in Runner),
        ),
        Option("url", "", "For webhook: where the signed request goes, http or https."),
        Option(
            "secret_number",
            1,
            "For webhook: another number makes another secret (manage.py webhook_secret).",
            minimum=1,
            maximum=2**31,
        ),
        Option(
            "command",
            [],
            "For command: the program by its absolute path, then its arguments; no shell. The "
            "installation must allow the program (EXTERNAL_COMMANDS).",
        ),
        Option(
            "memory_limit_mb",
            4096,
            "For command: MiB of address space that each of its processes may have.",
            minimum=16,
            maximum=2**20,
        ),
        Option(
            "lease_seconds",
            60,
            "A trainer that has been silent for so long is given up. A command's worker answers "
            "for it as long as it lives.",
            minimum=5,
            maximum=DAY_SECONDS,
        ),
        Option(
            "time_limit_seconds",
            6 * 3600,
            "A run that takes longer than this fails.",
            minimum=1,
            maximum=30 * DAY_SECONDS,
        ),
    )

    @classmethod
    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """As of every learner, and what its runner needs."""
        settings = super().resolve(given)
        if settings["runner"] == Runner.WEBHOOK and not _is_address(settings["url"]):
            raise OptionError("url", "an address with http:// or https://", settings["url"])
        command = settings["command"]
        if any(not isinstance(each, str) or "\0" in each for each in command):
            raise OptionError("command", "a list of strings", command)
        program = (command or [""])[0]
        if settings["runner"] == Runner.COMMAND and not Path(program).is_absolute():
            raise OptionError("command", "a list that begins with an absolute path", program)
        return settings


def _is_address(url: str) -> bool:
    if len(url) > LONGEST_URL or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return bool(parts.scheme in SCHEMES and parts.hostname and known)
