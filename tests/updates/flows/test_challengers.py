"""A challenger learns its champion's log: the same samples under the same offsets."""

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from django.utils import timezone

from tests.updates.flows.challengers import challenge
from tests.updates.flows.joining import Joining, at
from updates.flows.delete_recommender import StillChallenged, delete_recommender
from updates.flows.erase import erase_due, erase_user
from updates.flows.execute import execute
from updates.flows.join import join_due
from updates.flows.own_log import SharesLog
from updates.flows.quarantine import lift, preview, quarantine, rebuild_again
from updates.flows.select_samples import Selection
from updates.flows.take_feedback import take_feedback
from updates.flows.take_impressions import take_impressions
from updates.models import ArchivedBatch, Quarantine, Recommender, Segment, UpdateRun
from updates.models.quarantine import State
from updates.samples.log import SampleLog
from updates.serving import scorer
from updates.tasks import archive_logs

WHY = "spam"
TEN = Selection(first_offset=501, last_offset=510)


@pytest.fixture
def challenger(recommender):
    """Of ``recommender``, with other options."""
    return challenge(recommender, learner_options={"alpha": 0.1})


def table(recommender, stop=2_000):
    return [row for batch in SampleLog(recommender).read(1, stop) for row in batch.to_pylist()]


def work_off(*recommenders):
    """Execute what is queued."""
    for run in UpdateRun.objects.filter(recommender__in=recommenders, state="queued"):
        execute(run.pk, "test")


def test_it_reads_the_same_samples_under_the_same_offsets(recommender, challenger):
    assert len(table(challenger)) == 1000
    assert table(challenger) == table(recommender)


def test_its_head_is_that_of_the_champion_in_one_look_at_both(recommender, challenger):
    heads = SampleLog.heads([recommender, challenger])
    assert heads[recommender.pk] == heads[challenger.pk]
    assert heads[challenger.pk].last_offset == 1000


def test_what_is_archived_is_archived_once_and_read_by_both(recommender, challenger, settings):
    settings.SEGMENT_ROWS = 500
    archive_logs()
    assert set(Segment.objects.values_list("recommender", flat=True)) == {recommender.pk}
    assert set(ArchivedBatch.objects.values_list("recommender", flat=True)) == {recommender.pk}
    assert table(challenger) == table(recommender)


def test_it_learns_and_answers_by_itself_and_the_champion_does_not_change(live, update):
    challenger = challenge(live.recommender, learner_options={"alpha": 0.1})
    run = update(challenger)
    assert run.state == "promoted", run.error
    assert run.result_version.learned_ranges == live.learned_ranges
    rows = [{"user": "u1", "item": "i1", "device": "phone"}]
    ours, theirs = (scorer.score(r, rows).scores for r in (challenger, live.recommender))
    assert ours != theirs
    live.recommender.refresh_from_db()
    assert live.recommender.live_version == live


def test_samples_impressions_and_feedback_are_the_champions(
    recommender, challenger, append, make_batch
):
    for send in (
        lambda: append(challenger, 1),
        lambda: take_impressions(challenger, make_batch(1), batch_id="a"),
        lambda: take_feedback(challenger, make_batch(1), batch_id="a"),
    ):
        with pytest.raises(SharesLog, match=f"send this to {recommender.slug}"):
            send()
    assert SampleLog(recommender).head().last_offset == 1000


@pytest.mark.parametrize(
    ("command", "source"),
    [("import_samples", ["ml-100k"]), ("simulate", ["--source", "ml-100k"])],
)
def test_commands_that_bring_samples_name_the_champion(challenger, command, source):
    with pytest.raises(CommandError, match="send this to news"):
        call_command(command, challenger.slug, *source)


def test_what_the_champion_joins_is_joined_once(recommender, challenger):
    joining = Joining(recommender)
    joining.show("one")
    join_due(Recommender.objects.filter(challenges=None), at(86_400))
    assert SampleLog(challenger).head().last_offset == 1001


def test_another_schema_or_other_labels_than_the_champions_are_refused(recommender):
    for name, other in {
        "schema": {"categorical": ["device"]},
        "join_window_seconds": 5,
        "negative_sampling_rate": 0.5,
    }.items():
        with pytest.raises(ValidationError, match=f"as that of {recommender.slug}") as refusal:
            challenge(recommender, **{name: other})
        assert name in refusal.value.message_dict


def test_the_champions_schema_stays_while_it_is_challenged(recommender, challenger):
    recommender.schema = {"categorical": ["device"]}
    with pytest.raises(ValidationError, match="challengers learn the same: challenger"):
        recommender.full_clean()
    challenger.delete()
    recommender.full_clean()


def test_a_challenger_of_a_challenger_is_refused(challenger):
    with pytest.raises(ValidationError, match="is a challenger itself; challenge news"):
        challenge(challenger, "another")


def test_whom_it_challenges_is_fixed(recommender, challenger):
    challenger.challenges = None
    with pytest.raises(ValidationError, match="numbered by that log"):
        challenger.full_clean()
    recommender.challenges = challenger
    with pytest.raises(ValidationError, match="numbered by that log"):
        recommender.full_clean()


def test_it_never_falls_in_for_another(recommender, challenger):
    recommender.when_stale, recommender.fallback = "fall-back", challenger
    with pytest.raises(ValidationError, match="it answers for no other"):
        recommender.full_clean()


def test_a_champion_is_deleted_after_its_challengers(recommender, challenger, update):
    update(challenger)
    with pytest.raises(StillChallenged, match="challenger learn from its samples"):
        delete_recommender(recommender)
    with pytest.raises(ProtectedError):
        recommender.delete()
    delete_recommender(challenger)
    assert len(table(recommender)) == 1000
    delete_recommender(recommender)
    assert not Recommender.objects.exists()


def test_a_quarantine_has_the_challengers_version_made_again_too(live, update):
    champion = live.recommender
    challenger = challenge(champion)
    before = update(challenger).result_version
    made = quarantine(champion, TEN, reason=WHY)
    assert made.state == State.MARKED
    assert set(made.runs.values_list("recommender", flat=True)) == {champion.pk, challenger.pk}
    work_off(champion)
    assert made.state == State.MARKED
    work_off(challenger)
    assert made.state == State.DONE
    for each in (champion, challenger):
        each.refresh_from_db()
        assert not each.live_version.has_learned(made.ranges)
    assert champion.live_version.digest == challenger.live_version.digest
    before.refresh_from_db()
    assert before.state == "quarantined"
    lift(made, reason="it was none")
    work_off(champion, challenger)
    challenger.refresh_from_db()
    assert challenger.live_version.digest == before.digest


def test_a_rebuild_of_the_challenger_that_failed_can_be_tried_again(live, update):
    challenger = challenge(live.recommender)
    update(challenger)
    made = quarantine(live.recommender, TEN, reason=WHY)
    work_off(live.recommender)
    run = made.runs.get(recommender=challenger)
    run.move("cancelled", why="enough")
    assert made.state == State.FAILED
    assert made.rebuild == run
    rebuild_again(made)
    work_off(live.recommender, challenger)
    assert made.state == State.DONE


def test_quarantines_and_erasures_are_asked_of_the_champion(challenger):
    for ask in (
        lambda: quarantine(challenger, TEN, reason=WHY),
        lambda: preview(challenger, TEN),
        lambda: erase_user(challenger, "u1", reason=WHY),
    ):
        with pytest.raises(SharesLog, match="send this to news"):
            ask()
    assert not Quarantine.objects.exists()


def test_erasing_a_user_forgets_the_challengers_models_too(live, update):
    challenger = challenge(live.recommender)
    knew = update(challenger).result_version
    made = erase_user(live.recommender, "u1", reason="asked for")
    work_off(live.recommender)
    erase_due()
    made.refresh_from_db()
    assert made.erased_at is None, "the challenger still knows"
    work_off(challenger)
    erase_due()
    made.refresh_from_db()
    knew.refresh_from_db()
    assert made.erased_at
    assert knew.pruned_at
    assert made.erased_at <= timezone.now()
