"""``sparse_linear`` by each of its algorithms: options, promises, serving forms that follow."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.special import logit

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import check_learner
from updates.learners.options import OptionError
from updates.learners.sparse.family import FORMS, SHARED, VARIANTS, form_of
from updates.learners.sparse.linear import SparseLinear

SAMPLES = stream(400)
UNSEEN = stream(100, seed=7)
# Strong enough that weights become 0 within these few samples.
STRONG = {"ftrl": {"l1": 1.0}, "rda": {"l1": 0.01}, "fobos": {"l1": 0.01}, "sgd": {}}
STRONG["truncated"] = {"gravity": 0.01, "period": 7}
ALL = [variant | STRONG[variant["algorithm"]] for variant in VARIANTS]
IDS = ["-".join(variant.values()) for variant in VARIANTS]
OF_ALL = {option.name: option.default for option in SHARED}
TIMELY = ("rda", "fobos", "truncated")  # weights change with time
each = pytest.mark.parametrize("options", ALL, ids=IDS)
each_timely = pytest.mark.parametrize(
    "options", [options for options in ALL if options["algorithm"] in TIMELY]
)


def learner(options, rows=0):
    made = SparseLinear(SCHEMA, options)
    made.learn(SAMPLES.slice(0, rows))
    return made


def serving(model, folder):
    folder.mkdir()
    model.save(folder)
    form = SparseLinear(SCHEMA, model.settings)
    form.load_serving(folder)
    return form


@each
def test_it_keeps_a_learners_promises(options):
    batches = [SAMPLES.slice(start, 60) for start in (0, 60, 120)]
    check_learner(SparseLinear, SCHEMA, batches, options)


@each
def test_it_learns_what_decides(options):
    model = learner(options, 400)
    error = np.mean((model.predict(SAMPLES) > 0.5) != SAMPLES["label"].to_numpy())
    assert error < 0.35


@each
def test_a_serving_form_follows_by_deltas_to_the_bit(options, tmp_path):
    model = learner(options, 100)
    form = serving(model, tmp_path / "form")
    model.track()
    for start, rows in [(100, 1), (101, 99), (200, 3), (203, 150)]:
        model.learn(SAMPLES.slice(start, rows))
        form.apply(model.delta())
        assert form.intercept == model.intercept
        assert (form.predict(UNSEEN) == model.predict(UNSEEN)).all()


@each_timely
def test_a_delta_moves_weights_that_it_does_not_bring(options, tmp_path):
    model = learner(options, 100)
    form = serving(model, tmp_path / "form")
    before = form.predict(UNSEEN)
    model.track()
    for _ in range(20):
        model.learn(_without_features(20))
    delta = model.delta()
    form.apply(delta)
    after = form.predict(UNSEEN)
    assert len(delta) < 1000
    assert (after == model.predict(UNSEEN)).all()
    assert np.std(logit(after)) < np.std(logit(before))


@each
def test_only_keys_of_non_zero_weight_are_deployed(options, tmp_path):
    model = learner(options, 400)
    model.save(tmp_path)
    served, sparsity = load_file(tmp_path / "weights.safetensors"), model.sparsity()
    once = {"intercept", "clock"}
    assert len(served["keys"]) == sparsity.non_zero == model.weights().num_rows
    assert (sparsity.non_zero < sparsity.seen) == (options["algorithm"] != "sgd")
    bytes_served = sum(array.nbytes for name, array in served.items() if name not in once)
    assert sparsity.deployed_bytes == bytes_served


@each
def test_the_state_of_another_algorithm_is_refused(options, tmp_path):
    learner(options, 50).save(tmp_path)
    for other in ALL:
        if other != options:
            with pytest.raises(KeyError):
                SparseLinear(SCHEMA, other).load(tmp_path)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.name}-{form.rate}")
def test_settings_name_a_form_with_its_own_defaults_and_stay_as_they_are(form):
    given = {"algorithm": form.name} | ({"rate": form.rate} if form.name != "ftrl" else {})
    settings = SparseLinear(SCHEMA, given).settings
    defaults = {option.name: option.default for option in form.options}
    assert settings == defaults | given | OF_ALL
    assert form_of(settings) is form
    assert SparseLinear(SCHEMA, settings).settings == settings


def test_the_variants_compiled_at_installation_need_every_form():
    assert [form_of(SparseLinear(SCHEMA, variant).settings) for variant in VARIANTS] == [*FORMS]


def test_nothing_given_is_ftrl_as_ever():
    settings = {"algorithm": "ftrl", "alpha": 0.1, "beta": 1.0, "l1": 1.0, "l2": 0.0}
    assert SparseLinear(SCHEMA).settings == settings | OF_ALL


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"gamma": 2.0}, "gamma: must be left out with ftrl: it is of rda, got 2.0"),
        ({"rate": "global"}, "rate: must be left out with ftrl: it is of rda, fobos, truncated"),
        ({"algorithm": "sgd", "l1": 0.1}, "l1: must be left out with sgd: it is of ftrl, rda"),
        ({"algorithm": "rda", "l1": 5e3}, "l1: must be a number from 0 to 1000, got 5000.0"),
        ({"algorithm": "truncated", "period": 0}, "period: must be a whole number from 1 to"),
        ({"algorithm": "fobos", "speed": 1}, "speed: must be one of the options"),
    ],
)
def test_an_option_that_does_not_apply_is_named(options, told):
    with pytest.raises(OptionError, match=told):
        SparseLinear(SCHEMA, options)


def test_each_option_is_listed_once_with_whose_it_is():
    listed = {option.name: option for option in SparseLinear.options}
    assert len(listed) == len(SparseLinear.options)
    assert "Of ftrl, rda (default 1e-05), fobos (default 1e-05)." in listed["l1"].help
    assert listed["period"].help.endswith("Of truncated.")


def _without_features(rows):
    """Samples of which only the intercept learns, as many of either label."""
    names = [name for name in SCHEMA.arrow.names if name not in ("label", "event_time", "weight")]
    nothing = {"event_time": 0, "weight": 1.0} | dict.fromkeys(names)
    samples = [nothing | {"label": i % 2} for i in range(rows)]
    return SAMPLES.from_pylist(samples, schema=SCHEMA.arrow)
