import pytest

from updates.learners.options import Option, OptionError, resolve

OPTIONS = (
    Option("rate", 0.1, "Learning rate.", 0.0, 1.0),
    Option("trees", 100, "Number of trees.", 1, 1000),
    Option("kind", "a", "Which.", choices=("a", "b")),
    Option("fast", False, "Whether."),
)


def test_what_is_not_given_has_its_default():
    given = {"trees": 7, "rate": 1}
    assert resolve(OPTIONS, given) == {"rate": 1.0, "trees": 7, "kind": "a", "fast": False}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("rate", 1.5, "a number from 0 to 1"),
        ("rate", float("nan"), "a number from 0 to 1"),
        ("rate", True, "a number from 0 to 1"),
        ("trees", 1.5, "a whole number from 1 to 1000"),
        ("trees", 0, "a whole number from 1 to 1000"),
        ("kind", "c", "one of a, b"),
        ("fast", 1, "true or false"),
        ("speed", 1, "one of the options fast, kind, rate, trees"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(name, value, allowed):
    with pytest.raises(OptionError) as caught:
        resolve(OPTIONS, {name: value})
    assert str(caught.value) == f"learner_options.{name}: must be {allowed}, got {value!r}"
