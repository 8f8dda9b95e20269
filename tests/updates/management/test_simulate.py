"""What ``manage.py simulate`` refuses; how it plays is tested with the flow and in faults."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no recommender 'nobody'"),
        (["news", "--source", "nothing.csv"], "no source 'nothing.csv'"),
        (["news", "--speed", "0"], "--speed must be above 0, got 0"),
        (["news", "--history", "1.5"], "--history must be from 0 to 1, got 1.5"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(make_recommender, arguments, says):
    make_recommender()
    with pytest.raises(CommandError, match=says):
        call_command("simulate", *arguments)
