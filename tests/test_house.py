"""Rules of the house that no single test would notice being broken."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
LONGEST_MODULE = 400
# The modules that own a state machine: all other code moves a row through their methods.
STATE_OWNERS = {
    "monitoring/alerts/channels.py",
    "monitoring/alerts/models.py",
    "updates/models/job.py",
    "updates/models/proof.py",
    "updates/models/run.py",
    "updates/models/version.py",
    "updates/models/what_if.py",
}
WRITERS = {"update", "create", "get_or_create", "update_or_create", "bulk_create"}
# ``x.save()`` of what is no loaded row: a new row, or a serializer that names its fields itself.
BARE_SAVES = {
    ("updates/admin/policy.py", "obj"),
    ("updates/admin/recommender.py", "obj"),
    ("updates/api/views/policies.py", "change"),
    ("updates/api/views/recommenders.py", "change"),
    ("updates/api/views/recommenders.py", "serializer"),
    ("updates/api/views/targets.py", "change"),
    ("updates/management/commands/import_samples.py", "recommender"),
}
UNSAFE_FORMATS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
# Put together here, so that this file does not break its own rule.
FOLDERS_OF_A_MACHINE = "|".join(["home", "mnt", "opt", "root", "srv", "tmp", "Users", "work"])
MACHINE_PATH = re.compile(rf"(?<![\w.}}:/])/({FOLDERS_OF_A_MACHINE})/\w")
REGISTRY = re.compile(
    r"--(extra-)?index-url|files\.pythonhosted|registry\.npm|artifactory|/simple/"
)
# What check --deploy asks for and the proxy that holds the certificate does.
LEFT_TO_THE_PROXY = {
    "security.W004",  # sending HSTS
    "security.W008",  # redirecting to HTTPS
}


def tracked(pattern: str = "*") -> list[str]:
    """Files in the repository, as paths below its root."""
    listed = subprocess.run(
        ["git", "ls-files", pattern], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def own_code() -> Iterator[tuple[str, ast.Module]]:
    """Our modules that run in production, parsed."""
    for name in tracked("*.py"):
        if not name.startswith("tests/") and "/migrations/" not in name:
            yield name, ast.parse((ROOT / name).read_text())


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.Attribute]]:
    """Calls of methods: ``a.b(…)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func


def test_modules_import_only_what_they_may(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    assert lint_imports(no_logo=True, cache_dir=None) == 0


def test_every_sample_codec_is_held_to_be_a_library():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    [held] = [c for c in contracts if c["id"] == "libraries-know-no-django"]
    modules = {path.stem for path in (ROOT / "updates/samples").iterdir()} - {"__init__"}
    modules -= {"__pycache__", "log"}
    assert {f"updates.samples.{module}" for module in modules} <= set(held["source_modules"])


def test_a_state_is_written_only_by_the_module_that_owns_it():
    writes = []
    for name, tree in own_code():
        if name in STATE_OWNERS:
            continue
        for node in ast.walk(tree):
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and any(
                isinstance(target, ast.Attribute) and target.attr == "state" for target in targets
            ):
                writes.append(f"{name}:{node.lineno}")
        for call, method in calls(tree):
            if method.attr in WRITERS and any(word.arg == "state" for word in call.keywords):
                writes.append(f"{name}:{call.lineno}")
    assert writes == []


def test_a_loaded_row_is_saved_by_naming_its_fields():
    bare = {
        (name, ast.unparse(method.value))
        for name, tree in own_code()
        for call, method in calls(tree)
        if method.attr == "save" and not call.args and not call.keywords
    }
    assert bare - BARE_SAVES == set()


def test_the_list_of_allowed_saves_is_not_longer_than_needed():
    found = {
        (name, ast.unparse(method.value)) for name, tree in own_code() for _, method in calls(tree)
    }
    assert found >= BARE_SAVES


def test_no_module_is_too_long_to_be_read_at_once():
    lengths = {name: (ROOT / name).read_text().count("\n") for name in tracked("*.py")}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_nothing_is_unpickled():
    imports = []
    for name, tree in own_code():
        for node in ast.walk(tree):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports += [(name, n) for n in names if n.split(".")[0] in UNSAFE_FORMATS]
    assert imports == []


def test_no_file_names_a_folder_of_some_machine_or_a_package_registry():
    found = []
    for name in tracked():
        path = ROOT / name
        if path == Path(__file__) or "/static/vendor/" in name:
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}"
            for number, line in enumerate(lines, 1)
            if MACHINE_PATH.search(line) or REGISTRY.search(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["open('/home/ann/x')", "cd /work/shop", "root=/tmp/data", "--index-url http://a"]
)
def test_a_machine_path_would_be_found(line):
    assert MACHINE_PATH.search(line) or REGISTRY.search(line)


def test_every_test_name_is_a_sentence():
    short = []
    for name in tracked("tests/*.py"):
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                words = node.name.split("_")
                short += [f"{name}: {node.name}"] if len(words) < 4 else []
    assert short == []


@pytest.mark.django_db
def test_migrations_are_complete():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_requirements_are_pinned_and_sorted():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w-]+==\d[\w.]*", line)] == []
    assert lines == sorted(lines, key=str.lower)


def test_an_installation_on_https_passes_the_deployment_check(tmp_path):
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"],
        cwd=ROOT,
        check=True,
        env={"RECADMIN_DATA": str(tmp_path), "HTTPS": "1"},
        capture_output=True,
        text=True,
    )
    warned = set(re.findall(r"\((\w+\.[WE]\d+)\)", checked.stderr))
    assert warned <= LEFT_TO_THE_PROXY, checked.stderr
