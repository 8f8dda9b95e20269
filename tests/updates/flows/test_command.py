"""A trainer that a worker starts: no shell, its own environment, limits, and an end in any case."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.utils import timezone
from knox.models import AuthToken

from tests.conftest import wait_until
from updates.flows.cancel import cancel
from updates.flows.execute import execute
from updates.flows.external import process
from updates.flows.external.begin import begin
from updates.flows.external.process import Process
from updates.flows.external.reports import hear
from updates.flows.trigger import trigger
from updates.models import Assignment, ComponentLease, ModelVersion, UpdateRun
from updates.models.lease import LEASE_SECONDS
from updates.store import artifacts

DOCS = Path(__file__).parents[3] / "docs"
MEMORY = 2**30
TRAIN = '''#!{python}
"""Counts clicks by item."""
import json, sys
from pathlib import Path
import pyarrow as pa

what, page, work = sys.argv[1], sys.argv[2], Path(sys.argv[3])
rows = pa.ipc.open_stream(page).read_all()
model = work / "model"
counts = json.loads(model.read_text()) if model.exists() else {{}}
items, labels = (rows.column(name).to_pylist() for name in ("item", "label"))
if what == "learn":
    for item, label in zip(items, labels):
        shown, clicked = counts.get(item, (2, 1))
        counts[item] = shown + 1, clicked + label
    model.write_text(json.dumps(counts))
    newest = max(rows.column("event_time").to_pylist())
    (work / "watermark").write_text(newest.isoformat())
else:
    with (work / "scores").open("a") as scores:
        for item in items:
            shown, clicked = counts.get(item, (2, 1))
            print(clicked / shown, file=scores)
'''


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def documented(tmp_path):
    """The script that docs/external.md writes, and a trainer that it calls."""
    code = re.findall(r"```sh\n(#!/bin/sh.*?)```", (DOCS / "external.md").read_text(), re.S)
    train = script(tmp_path / "train", TRAIN.format(python=sys.executable))
    return script(tmp_path / "train.sh", code[0]), train


@pytest.fixture
def make(db, make_recommender, append, settings):
    """``make(*command, **options)``: an external recommender that workers start a command for."""

    def make_one(*command, **options):
        settings.EXTERNAL_COMMANDS = [command[0]]
        options = {"runner": "command", "command": list(command)} | options
        recommender = make_recommender("ours", "external", learner_options=options)
        append(recommender, 1000)
        return recommender

    return make_one


@pytest.fixture
def served(transactional_db, settings):
    """The address of a real web server in this process; also what trainers are told."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)

    def serve():
        server.serve_forever(0.01)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    yield settings.PUBLIC_URL
    server.shutdown()
    thread.join()
    server.server_close()


def executed(recommender, strategy="full"):
    run = trigger(recommender, strategy=strategy)
    execute(run.pk, "test")
    return UpdateRun.objects.get(pk=run.pk)


def shell(text):
    return "/bin/sh", "-c", text


def test_the_documented_script_trains_as_a_command(make, documented, served):
    path, train = documented
    run = executed(make("/usr/bin/env", f"TRAIN={train}", path))
    output = Assignment.objects.get().output
    assert run.state == "promoted", (run.error, output)
    assert output.startswith("promoted: NE 0.")
    assert run.metrics["candidate"]["samples"] == 200
    assert run.cpu_seconds > 0
    assert run.peak_memory_bytes > 2**20
    version = ModelVersion.objects.get()
    assert (version.state, version.next_offset) == ("live", 1001)


def test_the_documented_script_trains_by_pulling(
    transactional_db, make_recommender, append, documented, served, operator
):
    append(make_recommender("ours", "external"), 1000)
    path, train = documented
    _, token = AuthToken.objects.create(user=operator)
    given = {"URL": served, "TOKEN": token, "TRAIN": train, "PATH": os.environ["PATH"]}
    done = subprocess.run([path, "ours"], env=given, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("promoted: NE 0."), done
    assert UpdateRun.objects.get().reason == "pulled by train.sh"


def test_the_documented_script_goes_on_from_the_model_that_is_live(
    make, documented, served, append
):
    path, train = documented
    recommender = make("/usr/bin/env", f"TRAIN={train}", path)
    executed(recommender)
    counted = shown(recommender.versions.get())
    append(recommender, 500)
    run = executed(recommender, "incremental")
    assert run.state == "promoted", (run.error, run.assignments.get().output)
    assert run.metrics["reference_version"] == 1
    assert shown(run.result_version) == counted + run.samples


def shown(version):
    """How many samples the counts of a version's model are of."""
    counts = json.loads((artifacts().open(version.digest) / "model").read_text())
    return sum(shown - 2 for shown, _ in counts.values())


def test_the_documented_script_stops_when_its_run_is_cancelled(
    transactional_db, make_recommender, append, documented, served, operator, tmp_path
):
    append(make_recommender("ours", "external", learner_options={"lease_seconds": 5}), 1000)
    slow = script(tmp_path / "slow", f"#!/bin/sh\ntouch {tmp_path}/begun\nexec sleep 60\n")
    _, token = AuthToken.objects.create(user=operator)
    given = {"URL": served, "TOKEN": token, "TRAIN": slow, "PATH": os.environ["PATH"]}
    with subprocess.Popen([documented[0], "ours"], env=given) as running:
        wait_until((tmp_path / "begun").exists)
        cancel(UpdateRun.objects.get())
        assert running.wait(10) == 1


def test_the_script_says_so_where_training_fails(make, documented, served):
    run = executed(make("/usr/bin/env", "TRAIN=/bin/false", documented[0]))
    assert (run.state, run.error) == ("failed", "the command failed")


def test_only_programs_that_settings_name_are_started(make, settings, tmp_path):
    recommender = make(*shell(f"touch {tmp_path}/started"))
    settings.EXTERNAL_COMMANDS = ["/usr/local/bin/train"]
    run = executed(recommender)
    assert run.state == "failed"
    assert "EXTERNAL_COMMANDS" in run.error
    assert not (tmp_path / "started").exists()
    assert not ComponentLease.objects.filter(run__isnull=False).exists()


def test_no_program_is_allowed_by_default():
    code = "from recadmin import settings; print(settings.EXTERNAL_COMMANDS)"
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_shell_reads_the_arguments(make, tmp_path):
    run = executed(make("/bin/echo", f"; touch {tmp_path}/started", "$(id)", "*"))
    assert Assignment.objects.get().output == f"; touch {tmp_path}/started $(id) *\n"
    assert not (tmp_path / "started").exists()
    assert run.error.startswith("The command ended with exit code 0 and had published nothing.")


def test_it_sees_of_the_worker_s_environment_what_settings_name(make, settings, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("GPU", "3")
    settings.EXTERNAL_ENVIRONMENT = ["PATH", "GPU"]
    executed(make("/usr/bin/env"))
    seen = dict(line.split("=", 1) for line in Assignment.objects.get().output.splitlines())
    assert seen.pop("GPU") == "3"
    known = {"PATH", "HOME", "TMPDIR", "RECADMIN_RUN", "RECADMIN_URL", "RECADMIN_TOKEN"}
    assert seen.keys() == known
    assert seen["HOME"] != os.environ["HOME"]
    assert seen["RECADMIN_TOKEN"].startswith("run.")
    assert not Path(seen["HOME"]).exists()


def test_its_run_is_in_a_file_that_others_cannot_read(make):
    executed(make(*shell('stat -c %a "$RECADMIN_RUN"; cat "$RECADMIN_RUN"')))
    mode, told = Assignment.objects.get().output.split("\n", 1)
    assert mode == "600"
    assert json.loads(told)["recommender"] == "ours"


def test_a_failure_shows_exit_code_and_last_line(make):
    run = executed(make(*shell("echo starting; echo no GPU >&2; exit 3")))
    assert run.state == "failed"
    assert run.error == (
        "The command ended with exit code 3 and had published nothing. Its last line: no GPU"
    )
    assert Assignment.objects.get().output == "starting\nno GPU\n"


def test_a_program_that_is_not_there_says_so(make):
    run = executed(make("/usr/absent"))
    assert "Its last line: /usr/absent cannot be started: No such file" in run.error


def test_more_memory_than_it_may_have_is_not_given(make):
    hungry = "import mmap; mmap.mmap(-1, 512 * 2**20); print('got it')"
    run = executed(make(sys.executable, "-c", hungry, memory_limit_mb=256))
    assert run.state == "failed"
    assert "got it" not in Assignment.objects.get().output


def test_a_command_that_takes_too_long_is_ended(make, monkeypatch):
    recommender = make(*shell("sleep 60"), time_limit_seconds=1)
    run = executed(recommender)
    assert (run.state, run.error) == ("failed", "It took longer than its time limit of 1 s.")


@pytest.fixture
def hanging(transactional_db, make, tmp_path):
    """A run whose command, and what that has started, ignore what they are told; in a thread."""
    pids = tmp_path / "pids"
    child = f"trap '' TERM; (trap '' TERM; echo $$ >> {pids}; sleep 60) & echo $$ >> {pids}; wait"
    recommender = make(*shell(child))
    run = trigger(recommender, strategy="full")

    def work():
        execute(run.pk, "test")
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    yield run
    thread.join(20)
    assert not thread.is_alive()


def members(group):
    """Processes of a group that are at work."""
    found = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False
    )
    return [line for line in found.stdout.split() if not line.startswith("Z")]


def test_a_cancelled_command_ends_with_all_of_its_group(hanging, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    leader = int((tmp_path / "pids").read_text().split()[0])
    assert members(leader)
    hanging.refresh_from_db()
    cancel(hanging)
    wait_until(lambda: not members(leader), 10)
    hanging.refresh_from_db()
    assert hanging.state == "cancelled"


def test_a_command_whose_run_was_given_to_another_ends(hanging, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    leader = int((tmp_path / "pids").read_text().split()[0])
    past = timezone.now() - timedelta(seconds=1)
    ComponentLease.objects.update(expires_at=past, run=None)
    wait_until(lambda: not members(leader), 15)


def test_of_a_flood_of_output_the_end_is_kept(tmp_path):
    code = "import sys; sys.stdout.write('x' * 5_000_000 + 'the end')"
    started = Process([sys.executable, "-c", code], {}, tmp_path, MEMORY)
    assert started.wait(20)
    ended = started.stop()
    assert ended.exit_code == 0
    assert len(started.output) == process.OUTPUT_BYTES
    assert started.output.endswith("the end")


def test_what_a_command_reports_does_not_outlive_its_worker(make):
    recommender = make(*shell("exit 1"), lease_seconds=3600)
    run = trigger(recommender, strategy="full")
    begin(run, "test")
    hear(run, 1, phase="learning")
    lease = ComponentLease.objects.get(run=run)
    assert lease.expires_at <= timezone.now() + timedelta(seconds=LEASE_SECONDS)


def test_a_command_goes_with_the_worker_that_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from updates.flows.external.process import Process;"
        "p = Process(['/bin/sleep', '60'], {}, Path(sys.argv[2]), 2**30);"
        "print(p._process.pid, flush=True); time.sleep(60)"
    )
    root = str(DOCS.parent)
    worker = subprocess.Popen(
        [sys.executable, "-c", code, root, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with worker:
        command = Path(f"/proc/{int(worker.stdout.readline())}")
        wait_until(lambda: b"sleep" in (command / "cmdline").read_bytes()[:20])
        worker.send_signal(signal.SIGKILL)
        wait_until(lambda: not command.exists() or "Z" in (command / "stat").read_text())
