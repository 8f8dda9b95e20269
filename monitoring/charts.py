"""Which charts the page of a recommender has, and what each draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitoring import metrics
from monitoring.metrics import Metric, metric
from updates.cadence import Trigger
from updates.models import UpdatePolicy
from updates.models.policy import Strategy

# Without fires there is no time between them.
_NEVER_FIRE = (Trigger.MANUAL, Trigger.CONTINUOUS)


@dataclass(frozen=True)
class Chart:
    """One chart.

    series : (measurement, name in the legend) of each line, all in one unit.
    policy : name of the policy whose measurements it draws, "" for the recommender's.
    parts : of which component, slice or feature each line is, where it draws them by one of them.
    judged_by : which reference lines it has: "objective", "feature-objective", "one",
        "zero" or "".
    empty : what to say when there is no point in the range: why, and what brings one.
    """

    key: str
    title: str
    series: tuple[tuple[str, str], ...]
    empty: str
    judged_by: str = ""
    policy: str = ""
    parts: tuple[str, ...] = ()

    @property
    def metrics(self) -> list[Metric]:
        """What it draws, with units and definitions."""
        return [metric(name) for name in dict.fromkeys(name for name, _ in self.series)]

    @property
    def unit(self) -> str:
        """Unit of its values, "" for a ratio."""
        return self.metrics[0].unit

    @property
    def of(self) -> Sequence[str]:
        """What each series is of: components, slices, or one policy."""
        return self.parts or [self.policy] * len(self.series)

    @property
    def sparse(self) -> bool:
        """Whether its points come as seldom as it happens, not every ten seconds."""
        return self.holds or bool(self.policy)

    @property
    def holds(self) -> bool:
        """Whether its values hold until the next point: it is then drawn in steps."""
        return self.metrics[0].holds


_NOT_JUDGED = (
    "No samples were judged in this range: at least 50 must arrive while a version is live."
)

# Nothing is known of them where others train the model.
_OF_WEIGHTS = ("sparsity", "gap")

CHARTS = (
    Chart(
        "freshness",
        "Model freshness",
        ((metrics.AGE_SECONDS, "age"), (metrics.LAG_SECONDS, "lag")),
        "No age was measured in this range: there is one as soon as a version is live.",
        "objective",
    ),
    Chart("ne", "Normalized entropy", ((metrics.NE, "NE"),), _NOT_JUDGED),
    Chart(
        "calibration", "Calibration", ((metrics.CALIBRATION, "calibration"),), _NOT_JUDGED, "one"
    ),
    Chart(
        "coverage",
        "Coverage",
        ((metrics.COVERAGE, "known values"),),
        "No coverage was measured in this range: once a minute arriving samples are held against "
        "those that the live version learned.",
    ),
    Chart(
        "sparsity",
        "Sparsity",
        (
            (metrics.NON_ZERO_WEIGHTS, "non-zero weights"),
            (metrics.ADMITTED_FEATURES, "features with parameters"),
            (metrics.SEEN_FEATURES, "features seen"),
        ),
        "Nothing was deployed by the end of this range.",
    ),
    Chart(
        "gap",
        "Optimality gap",
        ((metrics.OPTIMALITY_GAP, "NE lost by small steps"),),
        "No full update was judged against the live version in this range.",
        "zero",
    ),
    Chart(
        "backlog",
        "Backlog",
        ((metrics.BACKLOG_SAMPLES, "samples not learned"),),
        "No backlog was measured in this range.",
    ),
)

ONLINE_CHARTS = (
    Chart(
        "learning-lag",
        "Learning lag",
        (
            (metrics.LEARNING_LAG_P50_MS, "median"),
            (metrics.LEARNING_LAG_P95_MS, "95 %"),
            (metrics.LEARNING_LAG_P99_MS, "99 %"),
        ),
        "Nothing was learned online and served in this range: that takes samples, an online "
        "session, and requests for scores.",
    ),
)

CLIENT_CHARTS = (
    Chart(
        "fresh-users",
        "Users on fresh vectors",
        ((metrics.FRESH_USER_SHARE, "share of users"),),
        "No user was looked at in this range: that takes a live version, and samples of the last "
        "day.",
    ),
)

SIMULATED_CHARTS = (
    Chart(
        "regret",
        "Regret",
        ((metrics.REGRET, "click probability lost"),),
        "No regret was measured in this range: that takes simulated traffic, and a live version.",
    ),
    Chart(
        "excess-log-loss",
        "Excess log loss",
        ((metrics.EXCESS_LOG_LOSS, "above that of the truth"),),
        "None was measured in this range.",
    ),
)


def charts_of(
    policies: Iterable[UpdatePolicy],
    components: Sequence[str] = (),
    slices: Sequence[str] = (),
    features: Sequence[str] = (),
    *,
    simulated: bool,
    trained_here: bool,
) -> list[Chart]:
    """The charts of a recommender with these policies: more for one that learns online or on
    devices, one for each that fires, one of the ages where there are several components, two of
    the slices where there are some, one of the features whose ages are known, and two of what is
    known of simulated traffic only; those of weights only where it is trained here."""
    policies = list(policies)
    ages = [_ages_chart(tuple(components))] if len(components) > 1 else []
    online = ONLINE_CHARTS if any(p.strategy == Strategy.ONLINE for p in policies) else ()
    devices = CLIENT_CHARTS if any(p.strategy == Strategy.CLIENT for p in policies) else ()
    cadences = (_cadence_chart(p) for p in policies if p.trigger not in _NEVER_FIRE)
    freshness, *others = (c for c in CHARTS if trained_here or c.key not in _OF_WEIGHTS)
    by_slice = _slice_charts(tuple(slices)) if slices else []
    of_features = [_features_chart(tuple(features))] if features else []
    known = SIMULATED_CHARTS if simulated else ()
    more = (*by_slice, *online, *devices, *cadences)
    return [freshness, *of_features, *ages, *known, *others, *more]


def _ages_chart(components: tuple[str, ...]) -> Chart:
    return Chart(
        "component-ages",
        "Age by component",
        tuple((metrics.COMPONENT_AGE_SECONDS, name) for name in components),
        "No age was measured in this range.",
        parts=components,
    )


def _features_chart(features: tuple[str, ...]) -> Chart:
    return Chart(
        "feature-freshness",
        "Feature freshness, 95 %",
        tuple((metrics.FEATURE_AGE_P95_SECONDS, name) for name in features),
        "No request in this range said when its features were computed.",
        "feature-objective",
        parts=features,
    )


def _slice_charts(slices: tuple[str, ...]) -> list[Chart]:
    empty = "No slice had 50 samples, 5 of the rarer label, while a version was live."
    return [
        Chart(
            f"{name}-by-slice",
            f"{title} by slice",
            tuple((name, slice_name) for slice_name in slices),
            empty,
            judged_by,
            parts=slices,
        )
        for name, title, judged_by in (
            (metrics.NE, "Normalized entropy", ""),
            (metrics.CALIBRATION, "Calibration", "one"),
        )
    ]


def _cadence_chart(policy: UpdatePolicy) -> Chart:
    achieved = (metrics.ACHIEVED_CADENCE_SECONDS, "achieved")
    declared = (metrics.DECLARED_CADENCE_SECONDS, "declared")
    return Chart(
        f"cadence-{policy.pk}",
        f"Cadence of {policy.name}",
        (achieved, declared) if policy.cadence.timed else (achieved,),
        "No fire in this range followed an earlier one: a cadence lies between two fires.",
        policy=policy.name,
    )
