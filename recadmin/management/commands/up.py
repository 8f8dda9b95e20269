"""Run everything on this machine: ``manage.py up [--demo] [--port 8000]``."""

import fcntl
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Migrate, then run web, workers, beat and the embedded Valkey until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web server")
        parser.add_argument(
            "--demo", action="store_true", help="with ML-100k and a simulated feed, played live"
        )

    def handle(self, *args: Any, port: int, demo: bool, **options: Any) -> None:
        data: Path = settings.RECADMIN_DATA
        _check_writable(data)
        lock = _only_one(data)
        _check_port(port)
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        password = _first_admin()
        if demo:
            call_command("demo", setup_only=True)
        self._greet(port, password)
        _become_supervisor(port, lock, demo=demo)

    def _greet(self, port: int, password: str | None) -> None:
        self.stdout.write(f"\n  recadmin: http://localhost:{port}/")
        if password:
            self.stdout.write(f"  user admin, password {password} (shown this once)")
        else:
            self.stdout.write("  forgot the password? python manage.py changepassword admin")
        self.stdout.write("  Ctrl-C stops everything; the data stays.\n\n")
        self.stdout.flush()


def _check_writable(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"The data folder {data} cannot be written ({error.strerror}); "
            "make it writable or set RECADMIN_DATA to another."
        ) from error


def _only_one(data: Path) -> IO[str]:
    lock = (data / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(
            f"recadmin is already running on the data folder {data}; stop it first."
        ) from None
    return lock


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}); choose another: "
                f"make run PORT={port + 1 if port < 65535 else 8000}"
            ) from error


def _first_admin() -> str | None:
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser("admin", password=password)
    return password


def _become_supervisor(port: int, lock: IO[str], *, demo: bool) -> None:
    """Honcho in place of this process, which holds all of Django in memory for nothing."""
    names = ["web", "runs", "online", "control", "beat"]
    names += ["valkey"] if settings.EMBEDDED_VALKEY else []
    names += ["demo"] if demo else []
    os.set_inheritable(lock.fileno(), True)
    environment = {
        # A heap of its own for each of so many threads costs the workers a tenth of their memory.
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        # The Procfile says `python`: this one.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    procfile = str(settings.BASE_DIR / "Procfile")
    command = [sys.executable, "-m", "honcho", "-f", procfile, "start", *names]
    os.chdir(settings.BASE_DIR)
    os.execve(command[0], command, environment)  # noqa: S606 - no shell on purpose
