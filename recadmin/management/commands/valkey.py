"""Become the embedded Valkey server."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from recadmin import embedded
from recadmin.environment import embedded_socket


class Command(BaseCommand):
    help = "Run the embedded Valkey on its socket below the data folder (in place of this process)."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        data = settings.RECADMIN_DATA / "valkey"
        socket = embedded_socket(settings.RECADMIN_DATA)
        for folder in (data, socket.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = embedded.command(data, socket)
        os.execv(command[0], command)  # noqa: S606 - no shell on purpose
