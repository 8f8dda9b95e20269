"""Figures of versions and of the runs that made them."""

from __future__ import annotations

from monitoring.figures.figure import Figure

VERSIONS = (
    Figure("watermark", "Learned up to", "Newest event time that the version has learned."),
    Figure(
        "ne",
        "NE",
        "Normalized entropy on held-out samples, each predicted before it was learned: log loss ÷ "
        "entropy of the mean label. Lower is better; 1 is no better than predicting the mean.",
    ),
    Figure(
        "reference",
        "Reference",
        "NE of the version that was live, on the same held-out samples.",
    ),
    Figure("non-zero", "Non-zero weights", "Weights that are not zero: those that serving loads."),
    Figure("artifact-bytes", "Size", "Bytes of the version's files on disk."),
    Figure(
        "requests-scored",
        "Requests scored",
        "Requests for scores and recommendations that were answered from the version while it was "
        "live, and the rows in them.",
    ),
)

QUALITY = (
    Figure("log_loss", "Log loss", "Mean of −y ln p − (1 − y) ln(1 − p) on the held-out samples."),
    Figure("auc", "AUC", "Probability that a random positive is ranked above a random negative."),
    Figure(
        "calibration",
        "Calibration",
        "Sum of predictions ÷ sum of labels; 1 is perfect, above 1 predicts too much.",
    ),
)

SPARSITY = (
    Figure("features-seen", "Features seen", "Distinct feature values that the version has met."),
    Figure("with-parameters", "With parameters", "Feature values that it keeps parameters of."),
    Figure(
        "tiny-share", "Below 0.001", "Share of the non-zero weights whose magnitude is below 0.001."
    ),
    Figure(
        "deployed-bytes",
        "Loaded by serving",
        "Bytes of the parameters that serving loads.",
    ),
)

LEARNED = (
    Figure("next-offset", "Next offset", "The first offset of the log that it has not learned."),
    Figure("learned-ranges", "Offsets", "The samples it has learned, by their offsets, in order."),
)

COST = (
    Figure("strategy", "Strategy", "How the run that made it updates: from nothing, or on a base."),
    Figure("run-samples", "Samples learned", "Samples that the run learned."),
    Figure(
        "cpu-seconds",
        "CPU time",
        "CPU time of the process that made it; of an online session, of its own threads.",
    ),
    Figure("wall-seconds", "Wall time", "Time that the run took on the clock."),
    Figure("peak-memory", "Peak memory", "The most memory that the run's process held."),
)
