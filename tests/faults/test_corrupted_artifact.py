"""Bytes of the live version rot on disk: the one before serves, and who looks is told."""

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import STACK, Driven
from updates.models import ServingReport

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]


@pytest.fixture
def rotten(stack, api, request):
    """A recommender whose live version 2 is damaged, seen by web processes that start anew."""
    recommender = Driven(api, request.node.name.replace("_", "-")[:60])
    recommender.append(2_000)
    recommender.update()
    recommender.append(2_000)
    live = recommender.update()
    [weights] = stack.data.glob(f"artifacts/*/{live['digest']}/weights.safetensors")
    sound = weights.read_bytes()
    weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    stack.kill("web")
    stack.start("web")
    return recommender


def test_a_restarted_web_serves_the_version_before_a_damaged_one_and_says_so(rotten):
    assert rotten.score()["version"] == 1
    report = ServingReport.objects.using(STACK).get(
        recommender__slug=rotten.slug, wanted__number=2, served__number=1
    )
    assert "Version 2 is refused" in report.error
    assert "checksum mismatch in weights.safetensors" in report.error


def test_a_damaged_version_is_not_learned_on(rotten):
    rotten.append(500)
    run = rotten.start("incremental")
    wait_until(lambda: rotten.run(run)["state"] == "failed", 20)
    assert "checksum mismatch" in rotten.run(run)["error"]


def test_the_same_update_made_again_mends_the_damaged_copy(rotten):
    assert rotten.score()["version"] == 1
    again = rotten.update()
    assert again["digest"] == rotten.version(2)["digest"]
    assert wait_until(lambda: rotten.score()["version"] == 3)
