"""The setting of a learner that says what samples are while their labels are still to come."""

from __future__ import annotations

from updates.learners.options import Option

WAIT = "wait"
WEIGHTED, CALIBRATION = "fake_negative_weighted", "fake_negative_calibration"
DELAYED_FEEDBACK = Option(
    "delayed_feedback",
    WAIT,
    "What samples are: labelled when their window has ended (wait), or fake negatives that a "
    "positive may follow, corrected by weights or by calibration. Left out, it is as the "
    "recommender's delayed_feedback says.",
    choices=(WAIT, WEIGHTED, CALIBRATION),
)
