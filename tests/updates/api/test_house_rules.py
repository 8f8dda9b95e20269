"""What holds for every view: input, flow, answer."""

import ast
from pathlib import Path
from statistics import median

import pytest

import monitoring.api
import updates.api

FOLDER = Path(updates.api.__file__).parent
MODULES = [*FOLDER.rglob("*.py"), Path(monitoring.api.__file__)]
METHODS = {"get", "post", "patch", "delete"}


def handlers():
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in METHODS:
                yield f"{module.name}:{node.lineno}", node.end_lineno - node.lineno + 1


def test_views_are_short():
    lengths = dict(handlers())
    assert max(lengths.values()) <= 25, max(lengths, key=lengths.get)
    assert median(lengths.values()) <= 8


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_modules_are_small(module):
    assert len(module.read_text().splitlines()) <= 250


def test_the_api_changes_state_through_flows_only():
    for module in FOLDER.joinpath("views").glob("*.py"):
        source = module.read_text()
        assert ".move(" not in source, module.name
        assert ".update(" not in source, module.name
