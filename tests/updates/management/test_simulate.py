"""What ``manage.py simulate`` refuses; how it plays is tested with the flow and in faults."""

import pytest
from django.core.management import CommandError, call_command

from updates.management.commands.simulate import start_replay
from updates.samples.sources import OPEN_BANDIT


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no recommender 'nobody'"),
        (["news", "--source", "nothing.csv"], "no source 'nothing.csv'"),
        (["news", "--campaign", "men"], "ml-100k has no campaign"),
        (["news", "--speed", "0"], "--speed must be above 0, got 0"),
        (["news", "--history", "1.5"], "--history must be from 0 to 1, got 1.5"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(make_recommender, arguments, says):
    make_recommender()
    with pytest.raises(CommandError, match=says):
        call_command("simulate", *arguments)


def test_open_bandit_is_played_under_a_name_that_says_which_part_of_it(make_recommender):
    make_recommender("shop", schema=OPEN_BANDIT)
    replay = start_replay("shop", "open-bandit", 60.0, campaign="women", behaviour_policy="bts")
    assert replay.source == "open-bandit/bts/women"
    assert replay.samples.num_rows == 10_000
