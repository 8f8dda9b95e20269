"""What dead workers left is deleted, and nothing that counts or is about to."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.updates.flows.online import make_policy, see_through, sent_through
from updates.flows.prune import ABANDONED_AFTER, sweep
from updates.models import Checkpoint
from updates.store import artifacts

LATER = ABANDONED_AFTER + timedelta(minutes=1)


@pytest.fixture
def counting(live, append, valkey):
    """Digests of a live version and of a checkpoint on top of it."""
    policy = make_policy(live.recommender)
    append(live.recommender, 100)
    see_through(policy, lambda: sent_through(valkey, live.recommender) == 1100)
    return {live.digest, Checkpoint.objects.get().digest}


def write(folder: Path) -> None:
    (folder / "model").write_bytes(b"weights")


def kept():
    return {folder.name for folder in artifacts().root.glob("[!.]*/*")}


def drafts():
    return list(artifacts().root.glob(".draft-*"))


def test_an_artifact_that_no_row_names_is_deleted_after_a_while(counting):
    stray = artifacts().publish(write, {}).digest
    assert sweep(timezone.now()) == 0
    assert kept() == {*counting, stray}
    assert sweep(timezone.now() + LATER) == 1
    assert kept() == counting


def test_published_again_it_has_its_while_again(counting):
    stray = artifacts().publish(write, {})
    hour_ago = (timezone.now() - LATER).timestamp()
    make_old(stray.folder, hour_ago)
    artifacts().publish(write, {})
    assert sweep(timezone.now()) == 0


def test_a_draft_is_deleted_once_nobody_writes_to_it(counting):
    with artifacts().draft(write, {}):
        assert sweep(timezone.now()) == 0
        [draft] = drafts()
        make_old(draft, (timezone.now() - LATER).timestamp())
        assert sweep(timezone.now()) == 0, "its files are being written"
        assert sweep(timezone.now() + LATER) == 1
    assert not drafts()
    assert kept() == counting


def make_old(path, moment):
    os.utime(path, (moment, moment))
