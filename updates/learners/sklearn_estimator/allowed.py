"""Which estimators an installation lets an option name, and a stored model hold.

Naming a class by its import path runs the code of its module; a stored model builds objects of the
classes that it names. So both go by a list, and an option or a file that names another class is
refused before anything is imported.
"""

from __future__ import annotations

from collections.abc import Iterable

# Put through all checks of a learner by tests/updates/learners/sklearn_estimator.
DEFAULT = (
    "sklearn.ensemble.ExtraTreesClassifier",
    "sklearn.ensemble.GradientBoostingClassifier",
    "sklearn.ensemble.HistGradientBoostingClassifier",
    "sklearn.ensemble.RandomForestClassifier",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.Perceptron",
    "sklearn.linear_model.SGDClassifier",
    "sklearn.naive_bayes.BernoulliNB",
    "sklearn.naive_bayes.ComplementNB",
    "sklearn.naive_bayes.GaussianNB",
    "sklearn.naive_bayes.MultinomialNB",
    "sklearn.neural_network.MLPClassifier",
    "sklearn.tree.DecisionTreeClassifier",
    # To be put before one of those.
    "sklearn.decomposition.TruncatedSVD",
    "sklearn.preprocessing.MaxAbsScaler",
    "sklearn.preprocessing.MinMaxScaler",
    "sklearn.preprocessing.Normalizer",
    "sklearn.preprocessing.StandardScaler",
)


class AllowedEstimators:
    """Import paths of classes, and beginnings of such that end with a dot."""

    def __init__(self, listed: Iterable[str]) -> None:
        self.listed = tuple(listed)

    def allow(self, listed: Iterable[str]) -> None:
        """From now on these, and no others."""
        self.listed = tuple(listed)

    def __contains__(self, path: str) -> bool:
        return any(
            path.startswith(entry) if entry.endswith(".") else path == entry
            for entry in self.listed
        )

    def __str__(self) -> str:
        return ", ".join(self.listed)


ESTIMATORS = AllowedEstimators(DEFAULT)
