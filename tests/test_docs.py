"""The documentation's code does what it says."""

import re
from pathlib import Path

import pytest

from updates.learners.base import Learner
from updates.learners.checks import check_learner

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def documented_learner():
    """The class that docs/adding-a-learner.md writes."""
    code = re.search(
        r"```python\n(import json.*?)```", (DOCS / "adding-a-learner.md").read_text(), re.S
    )
    names: dict = {"__name__": "documented"}
    exec(code.group(1), names)
    return next(
        value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, Learner) and value is not Learner
    )


def test_the_guide_s_learner_keeps_every_promise(documented_learner, make_batch):
    from tests.conftest import SCHEMA

    batches = [make_batch(60), make_batch(40, first=60), make_batch(25, first=100)]
    check_learner(documented_learner, SCHEMA, batches)


@pytest.mark.parametrize(("page", "least"), [("adding-a-learner.md", 9), ("external.md", 1)])
def test_what_a_guide_shows_of_an_example_are_its_own_lines(page, least):
    shown = re.findall(r"<!-- from (\S+) -->\n\n```\w+\n(.*?)```", (DOCS / page).read_text(), re.S)
    assert len(shown) >= least
    for file, code in shown:
        assert code.strip()
        # The formatter moves methods to the margin.
        assert "".join(code.split()) in "".join((DOCS.parent / file).read_text().split()), code


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_what_docs_security_names_as_a_test_is_one():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (DOCS / "security.md").read_text())
    assert len(named) > 30
    for file, name in named:
        assert f"\ndef {name}(" in (DOCS.parent / file).read_text(), f"{file}::{name}"
