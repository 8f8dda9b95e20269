"""``manage.py up``: what stops it is said in a sentence, what dies comes back, nothing is left."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.stack import ROOT, free_port

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


def run_up(data, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env={**os.environ, "RECADMIN_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def is_one_sentence(ended, *words):
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    for word in words:
        assert word in ended.stderr
    return True


def test_a_port_in_use_is_said_with_another_to_take(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert is_one_sentence(run_up(tmp_path, "--port", str(port)), f"Port {port}", "make run")


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    ended = run_up(tmp_path / "file" / "data")
    assert is_one_sentence(ended, "cannot be written", "RECADMIN_DATA")


def test_a_second_start_on_the_same_data_is_refused(tmp_path):
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_one_sentence(run_up(tmp_path), "already running")


@pytest.fixture
def up(tmp_path):
    """A started installation: process, address and what it has printed."""
    port = free_port()
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "RECADMIN_DATA": str(tmp_path / "data")},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process, port, output
    if process.poll() is None:
        process.kill()


def test_it_prints_a_password_once_revives_the_killed_and_leaves_nothing(up, tmp_path):
    process, port, output = up
    wait_until(lambda: _answers(port), seconds=60)
    [password] = re.findall(r"user admin, password (\S{12,})", output.read_text())

    [web, *_] = _processes(tmp_path / "data", "gunicorn")
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: web not in _processes(tmp_path / "data", "gunicorn"))
    wait_until(lambda: _answers(port), seconds=60)

    process.send_signal(signal.SIGINT)
    process.wait(30)
    wait_until(lambda: not _processes(tmp_path / "data", ""), seconds=30)
    # What ends may log its folder, which has the test's name in it.
    after = output.read_text().partition("shown this once")[2].replace(str(tmp_path), "")
    assert "password" not in after
    assert password not in after


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def _processes(data, word):
    """Living processes of that data folder whose command line has the word, oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().decode()
        except OSError:
            continue
        mine = f"RECADMIN_DATA={data}\0".encode() in environment + b"\0"
        if mine and word in command and "keep_running" not in command:
            found.append(int(folder.name))
    return sorted(found)
