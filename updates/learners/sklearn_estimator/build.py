"""Options → estimators: imported by path from the allow-list, made, and looked at."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from updates.learners.options import OptionError
from updates.learners.sklearn_estimator.allowed import ESTIMATORS

ESTIMATOR, PARAMETERS, STEPS = "estimator", "parameters", "steps"
FEATURES, HASHED, RATES = "features", "hashed", "rates"
# Taken where they are left out. The same samples are to give the same model.
SEED = {"random_state": 0}
# For probabilities, and for rows that come once: the rate that scikit-learn has by default begins
# with steps that are meant to be corrected when the same rows come again.
PREFERRED = {
    "sklearn.linear_model.SGDClassifier": {
        "loss": "log_loss",
        "learning_rate": "constant",
        "eta0": 0.05,
    }
}
# Predictions by several threads are added up in any order: not the same to the last bit.
REFUSED = ("n_jobs",)


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with what is taken where it is left out. Raises OptionError."""
    chosen = dict(settings)
    chosen[PARAMETERS] = _completed(settings[ESTIMATOR], settings[PARAMETERS], ESTIMATOR)
    chosen[STEPS] = [_step(step) for step in settings[STEPS]]
    estimators(chosen)
    return chosen


def estimators(settings: Mapping[str, Any]) -> list[Any]:
    """The steps, untrained: what changes the features, and last the classifier.

    Raises OptionError.
    """
    from sklearn.base import is_classifier

    steps = [_made(step[ESTIMATOR], step[PARAMETERS], (STEPS, STEPS)) for step in settings[STEPS]]
    for step, said in zip(steps, settings[STEPS], strict=True):
        if not hasattr(step, "transform"):
            raise OptionError(STEPS, "a list of what transforms features", said[ESTIMATOR])
    path = settings[ESTIMATOR]
    last = _made(path, settings[PARAMETERS], (ESTIMATOR, PARAMETERS))
    if not is_classifier(last) or not any(
        hasattr(last, method) for method in ("predict_proba", "decision_function")
    ):
        allowed = "a classifier with predict_proba or decision_function"
        raise OptionError(ESTIMATOR, allowed, path)
    return [*steps, last]


def kind_of(path: str, option: str = ESTIMATOR) -> type:
    """The class of that import path. Raises OptionError unless it is allowed, and an estimator."""
    from sklearn.base import BaseEstimator

    if path not in ESTIMATORS:
        raise OptionError(option, f"among RECADMIN_ESTIMATORS ({ESTIMATORS})", path)
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(option, f"a class that can be imported ({error})", path) from error
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise OptionError(option, "a class of estimators", path)
    return kind


def _step(step: Any) -> dict[str, Any]:
    said = {ESTIMATOR: step} if isinstance(step, str) else step
    if (
        not isinstance(said, dict)
        or not {ESTIMATOR} <= set(said) <= {ESTIMATOR, PARAMETERS}
        or not isinstance(said[ESTIMATOR], str)
        or not isinstance(said.get(PARAMETERS, {}), dict)
    ):
        allowed = 'a list of {"estimator": import path, "parameters": {…}}'
        raise OptionError(STEPS, allowed, step)
    parameters = _completed(said[ESTIMATOR], said.get(PARAMETERS, {}), STEPS)
    return {ESTIMATOR: said[ESTIMATOR], PARAMETERS: parameters}


def _completed(path: str, given: Mapping[str, Any], option: str) -> dict[str, Any]:
    kind: Any = kind_of(path, option)
    names = kind._get_param_names()
    added = {**SEED, **PREFERRED.get(path, {})}
    return {**{name: value for name, value in added.items() if name in names}, **given}


def _made(path: str, parameters: Mapping[str, Any], options: tuple[str, str]) -> Any:
    kind = kind_of(path, options[0])
    for name in REFUSED:
        if name in parameters:
            raise OptionError(options[1], f"without {name}", parameters)
    if not isinstance(parameters.get("random_state", 0), int):
        raise OptionError(options[1], "with a whole number as random_state", parameters)
    try:
        made: Any = kind(**parameters)
        made._validate_params()
    except (TypeError, ValueError) as error:
        raise OptionError(options[1], f"what {path} takes ({error})", parameters) from error
    return made
