"""The product as real processes, for tests that kill them and browsers that visit them.

::

    with Stack(folder) as stack:
        run = stack.admin().call("POST", "recommenders/news/updates", {"strategy": "full"})
        stack.kill("runs")
        stack.start("runs")

The processes are those of the Procfile without ``recadmin.keep_running``: who is killed stays dead.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.api_client import ApiClient

ROOT = Path(__file__).parents[1]
NAMES = ("valkey", "web", "runs", "online", "control", "beat")
KEEPER = "python -m recadmin.keep_running "
# Of these the environment of who starts the stack must not decide.
SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "HTTPS", "DJANGO_SETTINGS_MODULE")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
call_command("createsuperuser", interactive=False, verbosity=0, username="admin")
"""
PASSWORD = secrets.token_urlsafe(12)


class StackError(RuntimeError):
    """A process that did not come up, ended early, or was left; says which, with its last lines."""


class Stack:
    """Processes of one installation on a free port of this machine.

    Parameters
    ----------
    folder : an empty folder; the data and the processes' output lie below it.
    names : which of the Procfile's processes to start, in this order.
    environment : settings added to the environment of all of them.

    Attributes
    ----------
    url : where the web answers, without a slash at the end.
    password : of the superuser ``admin``, who is there from the start.
    processes : by name, started ones, dead or alive. Each leads a session of its own.
    env : environment of the processes, for others that shall work on the same data.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str] = NAMES,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.names = names
        self.data = folder / "data"
        self.logs = folder / "output"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.password = PASSWORD
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.env = _environment(self.data) | {"PUBLIC_URL": self.url} | dict(environment or {})

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        shutil.copytree(_prepared(), self.data, dirs_exist_ok=True)
        try:
            for name in self.names:
                self._spawn(name)
            for name in self.names:
                self._wait(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start a process that is not running; web and Valkey answer when this returns."""
        if name in self.processes and self.processes[name].poll() is None:
            raise StackError(f"{name} is already running")
        self._spawn(name)
        self._wait(name)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """SIGKILL ends a process with all its children at once; another signal goes to it alone.

        Returns when nothing of it is left, except after SIGSTOP and SIGCONT.
        """
        process = self.processes[name]
        if number == signal.SIGKILL:
            _send(number, _session(process.pid))
        else:
            process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            self._wait_for_end(name)

    def children(self, name: str) -> list[int]:
        """Process ids below a process, such as the pool of a worker."""
        leader = self.processes[name].pid
        return [pid for pid in _session(leader) if pid != leader]

    def stop(self) -> None:
        """Stop what runs, Valkey last as the others need it to end well.

        Raises StackError where something had to be killed; nothing is left either way.
        """
        others = [name for name in self.processes if name != "valkey"]
        stubborn = self._stop(others)
        stubborn += self._stop([name for name in self.processes if name == "valkey"])
        if stubborn:
            raise StackError("\n".join(["did not stop:", *map(self._last_lines, stubborn)]))

    def python(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run Python on this stack's data to its end; returns its output, raises StackError."""
        return _python(*arguments, env={**self.env, **(env or {})})

    def manage(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command of manage.py to its end; returns its output, raises StackError."""
        return self.python("manage.py", *arguments, env=env)

    def admin(self) -> ApiClient:
        """A client of the API with a new token of the superuser."""
        return ApiClient.log_in(self.url, "admin", self.password)

    def _spawn(self, name: str) -> None:
        with (self.logs / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments(name, self.port)],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _stop(self, names: list[str]) -> list[str]:
        """Names of those that had to be killed."""
        for name in names:
            leader = self.processes[name]
            alone = leader.poll() is None  # it then ends its children itself
            _send(signal.SIGTERM, [leader.pid] if alone else _session(leader.pid))
            _send(signal.SIGCONT, _session(leader.pid))
        stubborn = []
        deadline = time.monotonic() + STOP_SECONDS
        for name in names:
            if not self._ended(name, deadline):
                stubborn.append(name)
                _send(signal.SIGKILL, _session(self.processes[name].pid))
            self.processes[name].wait()
        return stubborn

    def _ended(self, name: str, deadline: float) -> bool:
        process = self.processes[name]
        while process.poll() is None or _session(process.pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _wait_for_end(self, name: str) -> None:
        if not self._ended(name, time.monotonic() + STOP_SECONDS):
            raise StackError(f"did not end: {self._last_lines(name)}")

    def _wait(self, name: str) -> None:
        """Until a process answers, where it is one that can be asked."""
        answers = {"web": self._web_answers, "valkey": self._valkey_answers}.get(name)
        deadline = time.monotonic() + START_SECONDS
        while answers and not answers():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise StackError(f"did not come up: {self._last_lines(name)}")
            time.sleep(0.02)

    def _web_answers(self) -> bool:
        try:
            with ApiClient(self.url) as client:
                return client.request("GET", "/healthz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def _valkey_answers(self) -> bool:
        from recadmin.environment import embedded_socket

        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            try:
                connection.connect(str(embedded_socket(self.data)))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def last_words(self) -> str:
        """The last lines of each process, for a test that failed."""
        return "\n\n".join(map(self._last_lines, self.processes))

    def _last_lines(self, name: str) -> str:
        lines = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join([f"{name} (status {self.processes[name].poll()})", *lines[-20:]])


@cache
def _prepared() -> Path:
    """A data folder as an installation begins with it: migrated, with static files and ``admin``.

    Made once a process and copied, as it takes as long as all the rest of a start.
    """
    folder = Path(tempfile.mkdtemp(prefix="recadmin-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    superuser = {
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SUPERUSER_EMAIL": "admin@example.org",
    }
    _python("-c", PREPARE, env=_environment(folder) | superuser)
    return folder


def _environment(data: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in SETTINGS},
        "DJANGO_SETTINGS_MODULE": "recadmin.settings",
        "RECADMIN_DATA": str(data),
        "PYTHONUNBUFFERED": "1",
    }


def _python(*arguments: str, env: Mapping[str, str]) -> str:
    """Run Python to its end; returns its output, raises StackError."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        said = f"{ended.stdout}{ended.stderr}"
        raise StackError(f"{shlex.join(arguments)} ended with {ended.returncode}:\n{said}")
    return ended.stdout


def arguments(name: str, port: int) -> list[str]:
    """Arguments of Python that run a process of the Procfile, without its keeper.

    A name such as ``beat-2`` is another of the same kind.
    """
    kind = name.partition("-")[0]
    for line in (ROOT / "Procfile").read_text().splitlines():
        if line.startswith(f"{kind}: {KEEPER}"):
            command = line.removeprefix(f"{kind}: {KEEPER}")
            return shlex.split(command.replace("$PORT", str(port)))
    raise StackError(f"the Procfile has no process {name!r} that `{KEEPER.strip()}` keeps")


def free_port() -> int:
    """A port of the loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _session(leader: int) -> list[int]:
    """Living processes of the session that a process leads or led (proc(5), stat)."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name in parentheses: state, parent, process group, session.
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if int(session) == leader and state not in "ZX":
            members.append(int(stat.parent.name))
    return members
