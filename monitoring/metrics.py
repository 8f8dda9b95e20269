"""The measurements that are kept as series: name, unit and meaning of each, said once.

The page shows the definition beside the chart, the API answers it with the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

AGE_SECONDS = "age_seconds"
COMPONENT_AGE_SECONDS = "component_age_seconds"
FRESH_SHARE = "fresh_share"
FEATURE_AGE_P50_SECONDS = "feature_age_p50_seconds"
FEATURE_AGE_P95_SECONDS = "feature_age_p95_seconds"
LAG_SECONDS = "lag_seconds"
BACKLOG_SAMPLES = "backlog_samples"
NE = "ne"
LOG_LOSS = "log_loss"
AUC = "auc"
CALIBRATION = "calibration"
COVERAGE = "coverage"
NON_ZERO_WEIGHTS = "non_zero_weights"
SEEN_FEATURES = "seen_features"
ADMITTED_FEATURES = "admitted_features"
DEPLOYED_BYTES = "deployed_bytes"
TINY_SHARE = "tiny_share"
COMPONENT_ROWS = "component_rows"
COMPONENT_NON_ZERO = "component_non_zero"
COMPONENT_DEPLOYED_BYTES = "component_deployed_bytes"
COMPONENT_TINY_SHARE = "component_tiny_share"
FEATURES_BORN = "features_born"
FEATURES_DIED = "features_died"
FEATURES_REBORN = "features_reborn"
OPTIMALITY_GAP = "optimality_gap"
FRESH_USER_SHARE = "fresh_user_share"
RUN_CPU_SECONDS = "run_cpu_seconds"
LEARNING_LAG_P50_MS = "learning_lag_p50_ms"
LEARNING_LAG_P95_MS = "learning_lag_p95_ms"
LEARNING_LAG_P99_MS = "learning_lag_p99_ms"
DECLARED_CADENCE_SECONDS = "declared_cadence_seconds"
ACHIEVED_CADENCE_SECONDS = "achieved_cadence_seconds"
REGRET = "regret"
EXCESS_LOG_LOSS = "excess_log_loss"


class UnknownMetric(ValueError):
    """A name that no series has; the message lists the names there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"name: must be one of {', '.join(METRICS)}, got {name!r}")


class Aggregate(StrEnum):
    """What the points of a longer cell come to.

    MEAN : the mean over all ten-second points in it; of what is measured again and again.
    SUM : their sum; of what adds up.
    LAST : the newest; of what stays true until the next point (what is deployed does, what is
        measured on a window of samples does not).
    """

    MEAN = "mean"
    SUM = "sum"
    LAST = "last"


class KeptBy(StrEnum):
    """Of what there is a series each, besides the recommender's own where there is one."""

    POLICY = "policy"
    COMPONENT = "component"
    SLICE = "slice"
    FEATURE = "feature"


@dataclass(frozen=True)
class Metric:
    """One kind of series.

    unit : of its values; "" for a ratio without one.
    kept_by : None for those of the recommender as a whole alone.
    """

    name: str
    unit: str
    definition: str
    aggregate: Aggregate = Aggregate.MEAN
    kept_by: KeptBy | None = None

    @property
    def holds(self) -> bool:
        """Whether its value stays true until the next point."""
        return self.aggregate is Aggregate.LAST


_ON_ARRIVAL = (
    "of what is served on newly arrived samples, before it learned them: samples that it had "
    "learned before they were looked at are left out, and online sessions measure all that they "
    "learn themselves"
)
_FEATURE_AGE = (
    "of how old the values of a feature were in the rows of requests that said when it was "
    "computed; kept by feature."
)
_LEARNING_LAG = (
    "of the time from a sample's arrival until scores have learned from it, over the samples "
    "learned online and the processes that serve them."
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            AGE_SECONDS,
            "s",
            "Now − watermark of what is served, the event time up to which it has learned.",
        ),
        Metric(
            COMPONENT_AGE_SECONDS,
            "s",
            "Now − watermark of one component of what is served; kept by component.",
            kept_by=KeptBy.COMPONENT,
        ),
        Metric(
            FEATURE_AGE_P50_SECONDS,
            "s",
            f"Median {_FEATURE_AGE}",
            kept_by=KeptBy.FEATURE,
        ),
        Metric(
            FEATURE_AGE_P95_SECONDS,
            "s",
            f"95th percentile {_FEATURE_AGE}",
            kept_by=KeptBy.FEATURE,
        ),
        Metric(
            FRESH_SHARE,
            "",
            "Share of the time in which it was fresh, or idle: no sample waited to be learned. "
            "Time in which nothing was live counts neither way.",
        ),
        Metric(
            LAG_SECONDS,
            "s",
            "Newest event time in the sample log − watermark of what is served; 0 when no "
            "sample waits.",
        ),
        Metric(
            BACKLOG_SAMPLES,
            "samples",
            "Samples in the log that what is served has not learned yet.",
        ),
        Metric(
            NE,
            "",
            f"Normalized entropy {_ON_ARRIVAL}: log loss ÷ entropy of the mean label; lower is "
            "better, 1 is no better than predicting the mean.",
            kept_by=KeptBy.SLICE,
        ),
        Metric(
            LOG_LOSS,
            "nats",
            f"Mean of −y ln p − (1−y) ln(1−p) {_ON_ARRIVAL}.",
            kept_by=KeptBy.SLICE,
        ),
        Metric(
            AUC,
            "",
            f"Probability that a random positive is ranked above a random negative, {_ON_ARRIVAL}.",
            kept_by=KeptBy.SLICE,
        ),
        Metric(
            CALIBRATION,
            "",
            f"Sum of predictions ÷ sum of labels {_ON_ARRIVAL}; 1 is perfect, above 1 predicts "
            "too much.",
            kept_by=KeptBy.SLICE,
        ),
        Metric(
            COVERAGE,
            "",
            "Share of the values of categorical and multi-valued features in arriving samples that "
            "were in the samples that the live version learned; what it has never met, it cannot "
            "know. Over the last hour, by sketches.",
        ),
        Metric(
            NON_ZERO_WEIGHTS,
            "weights",
            "Weights of the live version that are not zero.",
            Aggregate.LAST,
        ),
        Metric(
            SEEN_FEATURES,
            "features",
            "Distinct feature values that the live version has met.",
            Aggregate.LAST,
        ),
        Metric(
            ADMITTED_FEATURES,
            "features",
            "Feature values that the live version keeps parameters of.",
            Aggregate.LAST,
        ),
        Metric(
            DEPLOYED_BYTES,
            "bytes",
            "Bytes of the live version's parameters that serving loads.",
            Aggregate.LAST,
        ),
        Metric(
            TINY_SHARE,
            "",
            "Share of the live version's non-zero weights whose magnitude is below 0.001.",
            Aggregate.LAST,
        ),
        Metric(
            COMPONENT_ROWS,
            "rows",
            "Keys that one component of the live version keeps parameters of: weights of a linear "
            "part, rows of embeddings in use.",
            Aggregate.LAST,
            kept_by=KeptBy.COMPONENT,
        ),
        Metric(
            COMPONENT_NON_ZERO,
            "weights",
            "Of those, the ones that are not zero; a row of embeddings counts as one.",
            Aggregate.LAST,
            kept_by=KeptBy.COMPONENT,
        ),
        Metric(
            COMPONENT_DEPLOYED_BYTES,
            "bytes",
            "Bytes of one component of the live version that serving loads.",
            Aggregate.LAST,
            kept_by=KeptBy.COMPONENT,
        ),
        Metric(
            COMPONENT_TINY_SHARE,
            "",
            "Share of one component's non-zero weights whose magnitude is below 0.001.",
            Aggregate.LAST,
            kept_by=KeptBy.COMPONENT,
        ),
        Metric(
            FEATURES_BORN,
            "features",
            "Feature values with a weight in the version that went live, which had none in the one "
            "before and are not remembered as dead.",
            Aggregate.SUM,
        ),
        Metric(
            FEATURES_DIED,
            "features",
            "Feature values with a weight in the version before the one that went live, and none "
            "in that: expired, or brought to zero.",
            Aggregate.SUM,
        ),
        Metric(
            FEATURES_REBORN,
            "features",
            "Feature values with a weight in the version that went live, which had died before. "
            "The last 1,048,576 dead are remembered.",
            Aggregate.SUM,
        ),
        Metric(
            OPTIMALITY_GAP,
            "",
            "NE of the live model, updated in small steps − NE of a fresh full model, on the same "
            "newest samples, each predicted before it was learned.",
        ),
        Metric(LEARNING_LAG_P50_MS, "ms", f"Median {_LEARNING_LAG}"),
        Metric(LEARNING_LAG_P95_MS, "ms", f"95th percentile {_LEARNING_LAG}"),
        Metric(LEARNING_LAG_P99_MS, "ms", f"99th percentile {_LEARNING_LAG}"),
        Metric(
            FRESH_USER_SHARE,
            "",
            "Of the users who did something in the last day, among the newest 50,000 samples, the "
            "share whose vector knows all of it but what is younger than the objective: learned in "
            "training, or refreshed by their devices.",
        ),
        Metric(
            RUN_CPU_SECONDS,
            "s",
            "CPU time of an update run, at the time when it was done.",
            Aggregate.SUM,
        ),
        Metric(
            DECLARED_CADENCE_SECONDS,
            "s",
            "Time from a fire of a policy to the next, by its cadence.",
            Aggregate.LAST,
            kept_by=KeptBy.POLICY,
        ),
        Metric(
            ACHIEVED_CADENCE_SECONDS,
            "s",
            "Time between the last two fires of a policy that started a run, as they happened.",
            kept_by=KeptBy.POLICY,
        ),
        Metric(
            REGRET,
            "",
            "True click probability of the best five items − of the five that what is served ranks "
            "first, mean over requests; known of simulated traffic only. 0 is perfect.",
        ),
        Metric(
            EXCESS_LOG_LOSS,
            "",
            "Expected log loss of what is served − that of the true probabilities (their "
            "Kullback-Leibler divergence) in nats, over all items alike; known of simulated "
            "traffic only.",
        ),
    )
}


def metric(name: str) -> Metric:
    """The metric of that name; raises UnknownMetric."""
    try:
        return METRICS[name]
    except KeyError:
        raise UnknownMetric(name) from None
