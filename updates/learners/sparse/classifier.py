"""The sparse family with scikit-learn's interface."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from updates.learners.options import Option
from updates.learners.sparse.algorithm import GLOBAL, Algorithm, Rows
from updates.learners.sparse.fobos import FOBOS, FOBOS_PER_COORDINATE
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.rda import RDA, RDA_PER_COORDINATE
from updates.learners.sparse.truncated import TRUNCATED, TRUNCATED_PER_COORDINATE


class SparseClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Binary logistic regression, learned row by row; a subclass names its algorithm.

    Attributes
    ----------
    classes_ : (2,) labels, sorted; the second one is the positive class.
    n_features_in_ : number of columns of X.
    coef_ : (1, n_features_in_) weights. intercept_ : (1,) weight of the constant feature.
    """

    fit_intercept: bool
    _forms: ClassVar[tuple[Algorithm, ...]]  # one a rate, with the same options

    def fit(self, X: Any, y: Any) -> Self:
        """Forget everything, then learn the rows once, in their order.

        There is no ``sample_weight`` here: a weight scales a row's gradient, and one step twice as
        long is not the row learned twice, which is what weights of ``fit`` mean in scikit-learn.
        ``partial_fit`` has importance weights.

        Parameters
        ----------
        X : (n, d) dense or sparse, finite. y : (n,) of two classes.
        """
        return self._learn(X, y, classes=None, sample_weight=None, reset=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn more rows, in their order, on top of what is known.

        Parameters
        ----------
        X : (n, d) dense or sparse, finite. y : (n,).
        classes : the two labels; needed in the first call, unless y has both.
        sample_weight : (n,) importance weights, multipliers of the gradient of a row's loss.
        """
        reset = not hasattr(self, "classes_")
        return self._learn(X, y, classes=classes, sample_weight=sample_weight, reset=reset)

    def _learn(self, X: Any, y: Any, *, classes: Any, sample_weight: Any, reset: bool) -> Self:
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, reset=reset)
        check_classification_targets(y)
        if reset:
            form, parameters = self._configured()
            self.classes_ = _two_classes(y if classes is None else classes)
            self._model = SparseModel(form, parameters, fit_intercept=self.fit_intercept)
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(f"classes must be {list(self.classes_)} as before, got {classes!r}")
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        self._model.learn(_rows(X, self._labels(y), weights))
        return self

    def _configured(self) -> tuple[Algorithm, tuple[float, ...]]:
        """The algorithm and its parameters; raises ValueError naming the one that is wrong."""
        values = {
            option.name: option.check(_plain(option, getattr(self, option.name)))
            for option in self._forms[0].options
        }
        form = next(form for form in self._forms if values.get("rate", form.rate) == form.rate)
        return form, form.configure(values)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y must hold only {list(self.classes_)}, got {list(unknown)}")
        return np.asarray(y == self.classes_[1], np.float64)

    @property
    def coef_(self) -> np.ndarray:
        """(1, n_features_in_) weights; exactly 0 where the algorithm says so."""
        check_is_fitted(self)
        columns = np.arange(1, self.n_features_in_ + 1, dtype=np.uint64)
        return self._model.weights_of(columns)[np.newaxis]

    @property
    def intercept_(self) -> np.ndarray:
        """(1,) weight of the constant feature of value 1, learned by the same rule as the others;
        0 with ``fit_intercept=False``."""
        check_is_fitted(self)
        return np.array([self._model.intercept])

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) log-odds of the positive class."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        margins: np.ndarray = X @ self.coef_[0] + self.intercept_[0]
        return margins

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, 2) probabilities of the classes, in the order of ``classes_``."""
        positive = expit(self.decision_function(X))
        return np.stack([1.0 - positive, positive], axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """(n,) the likelier class."""
        positive = (self.decision_function(X) > 0).astype(int)
        return np.asarray(self.classes_[positive])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        return tags


class FTRLClassifier(SparseClassifier):
    """FTRL-Proximal logistic regression: binary, online, exactly sparse.

    One pass, row by row, each row predicted with the weights learned from those before it. A
    feature whose value is 0 in a row is not touched by it.

    Parameters
    ----------
    alpha : learning rate, > 0. beta : damps the first steps of each feature, >= 0.
    l1, l2 : regularisation, >= 0; the larger l1, the more weights are exactly 0.
    fit_intercept : learn a constant feature of value 1 too, by the same rule.

    References
    ----------
    McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013, Algorithm 1.

    Examples
    --------
    >>> from updates.learners import FTRLClassifier
    >>> FTRLClassifier(l1=0.0).fit([[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1]).predict([[1.0]])
    array([1])
    """

    _forms = (FTRL,)

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        l1: float = 1.0,
        l2: float = 0.0,
        *,
        fit_intercept: bool = True,
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.l1 = l1
        self.l2 = l2
        self.fit_intercept = fit_intercept


class RDAClassifier(SparseClassifier):
    """Regularised dual averaging with L1: binary, online, the sparsest of the family.

    Weights follow from the mean of all gradients so far: rows without a feature move its weight
    towards 0, and one whose mean gradient is small is exactly 0.

    Parameters
    ----------
    gamma : the larger, the smaller the steps, > 0. l1 : what a feature's mean gradient must
        exceed, >= 0. rho : adds gamma * rho / sqrt(t) to l1 at row t, >= 0.
    rate : "global" as in the paper, or "per_coordinate", a scale of each feature's own.
    delta : damps the first steps of each feature, >= 0, per-coordinate rates only.
    fit_intercept : learn a constant feature of value 1 too, by the same rule.

    References
    ----------
    Xiao, "Dual Averaging Methods for Regularized Stochastic Learning and Online Optimization",
    JMLR 11, 2010, Algorithm 2. Duchi, Hazan & Singer, "Adaptive Subgradient Methods", JMLR 12,
    2011, for per-coordinate rates.

    Examples
    --------
    >>> from updates.learners import RDAClassifier
    >>> RDAClassifier().fit([[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1]).predict([[1.0]])
    array([1])
    """

    _forms = (RDA, RDA_PER_COORDINATE)

    def __init__(
        self,
        gamma: float = 1.0,
        l1: float = 1e-5,
        rho: float = 0.0,
        rate: str = GLOBAL,
        delta: float = 1.0,
        *,
        fit_intercept: bool = True,
    ) -> None:
        self.gamma = gamma
        self.l1 = l1
        self.rho = rho
        self.rate = rate
        self.delta = delta
        self.fit_intercept = fit_intercept


class FOBOSClassifier(SparseClassifier):
    """Forward-backward splitting with L1: a gradient step, then all weights shrink.

    Parameters
    ----------
    eta : learning rate, > 0; the step of row t is eta / sqrt(t) long.
    l1 : each row shrinks every weight by its step times l1, >= 0.
    rate : "global" as in the paper, or "per_coordinate": eta / (delta + sqrt(sum of the feature's
        squared gradients)).
    delta : damps the first steps of each feature, >= 0, per-coordinate rates only.
    fit_intercept : learn a constant feature of value 1 too, by the same rule.

    References
    ----------
    Duchi & Singer, "Efficient Online and Batch Learning Using Forward Backward Splitting", JMLR
    10, 2009.

    Examples
    --------
    >>> from updates.learners import FOBOSClassifier
    >>> FOBOSClassifier().fit([[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1]).predict([[1.0]])
    array([1])
    """

    _forms = (FOBOS, FOBOS_PER_COORDINATE)

    def __init__(
        self,
        eta: float = 0.3,
        l1: float = 1e-5,
        rate: str = GLOBAL,
        delta: float = 1.0,
        *,
        fit_intercept: bool = True,
    ) -> None:
        self.eta = eta
        self.l1 = l1
        self.rate = rate
        self.delta = delta
        self.fit_intercept = fit_intercept


class TruncatedGradientClassifier(SparseClassifier):
    """Truncated gradient: gradient steps, and now and then small weights are pulled to 0.

    Parameters
    ----------
    eta : learning rate, > 0; the step of row t is eta / sqrt(t) long.
    gravity : every period-th row pulls weights by its step times period * gravity, >= 0.
    theta : only weights up to this magnitude are pulled, >= 0.
    period : rows from one truncation to the next, >= 1.
    rate : "global", or "per_coordinate": eta / (delta + sqrt(sum of the feature's squared
        gradients)).
    delta : damps the first steps of each feature, >= 0, per-coordinate rates only.
    fit_intercept : learn a constant feature of value 1 too, by the same rule.

    References
    ----------
    Langford, Li & Zhang, "Sparse Online Learning via Truncated Gradient", JMLR 10, 2009.

    Examples
    --------
    >>> from updates.learners import TruncatedGradientClassifier
    >>> rows, labels = [[0.0], [1.0], [0.0], [1.0]], [0, 1, 0, 1]
    >>> TruncatedGradientClassifier().fit(rows, labels).predict([[1.0]])
    array([1])
    """

    _forms = (TRUNCATED, TRUNCATED_PER_COORDINATE)

    def __init__(  # noqa: PLR0917
        self,
        eta: float = 0.3,
        gravity: float = 1e-5,
        theta: float = 1.0,
        period: int = 10,
        rate: str = GLOBAL,
        delta: float = 1.0,
        *,
        fit_intercept: bool = True,
    ) -> None:
        self.eta = eta
        self.gravity = gravity
        self.theta = theta
        self.period = period
        self.rate = rate
        self.delta = delta
        self.fit_intercept = fit_intercept


def _plain(option: Option, value: Any) -> Any:
    """A number of numpy's, or a whole one where any will do, as Python's own of the option."""
    if isinstance(value, bool):
        return value
    if isinstance(option.default, int):
        return int(value) if isinstance(value, Integral) else value
    return float(value) if isinstance(value, Real) else value


def _two_classes(labels: Any) -> np.ndarray:
    classes: np.ndarray = unique_labels(labels)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"{len(classes)} classes"
        )
    if len(classes) < 2:
        raise ValueError(f"y must hold two classes, got 1 class: {list(classes)}")
    return classes


def _rows(X: Any, labels: np.ndarray, weights: np.ndarray) -> Rows:
    """Rows whose keys are the columns' numbers from 1 on, without explicit zeros."""
    csr = sparse.csr_array(X)
    if sparse.issparse(X):
        csr = csr.copy()
        csr.sum_duplicates()
        csr.eliminate_zeros()
    return Rows(
        csr.indptr.astype(np.int64),
        csr.indices.astype(np.uint64) + np.uint64(1),
        csr.data,
        labels,
        weights,
    )
