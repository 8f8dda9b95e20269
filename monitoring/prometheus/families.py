"""The metrics of /metrics: name, type, labels and meaning of each, said once.

Units are the suffixes of the names. Every label has few values: a recommender's slug, a component
of its learner, a state, a queue, a check.
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

KINDS = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}

FAMILIES: dict[str, Family] = {}


@dataclass(frozen=True)
class Family:
    """One metric; ``meaning`` is the line of HELP."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]

    def empty(self) -> GaugeMetricFamily | CounterMetricFamily:
        """The metric without a value yet."""
        return KINDS[self.kind](self.name, self.meaning, labels=self.labels)


def _family(kind: str, name: str, meaning: str, *labels: str) -> Family:
    family = FAMILIES[name] = Family(name, kind, meaning, labels)
    return family


AGE = _family(
    "gauge",
    "recadmin_age_seconds",
    "Now − watermark of what is served, the event time up to which it has learned.",
    "recommender",
)
OBJECTIVE = _family(
    "gauge", "recadmin_objective_seconds", "The age up to which it counts as fresh.", "recommender"
)
GRACE = _family(
    "gauge",
    "recadmin_grace_seconds",
    "So much beyond its objective it is aging; older, it is stale.",
    "recommender",
)
LAG = _family(
    "gauge",
    "recadmin_lag_seconds",
    "Newest event time in the sample log − watermark of what is served; 0 when no sample waits.",
    "recommender",
)
BACKLOG = _family(
    "gauge",
    "recadmin_backlog_samples",
    "Samples in the log that what is served has not learned.",
    "recommender",
)
STATE = _family(
    "gauge",
    "recadmin_freshness_state",
    "1 for the state that it is in, 0 for the others.",
    "recommender",
    "state",
)
COMPONENT_AGE = _family(
    "gauge",
    "recadmin_component_age_seconds",
    "Now − watermark of one component of what is served.",
    "recommender",
    "component",
)
COMPONENT_OBJECTIVE = _family(
    "gauge",
    "recadmin_component_objective_seconds",
    "The age up to which the component counts as fresh.",
    "recommender",
    "component",
)
COMPONENT_LAG = _family(
    "gauge",
    "recadmin_component_lag_seconds",
    "Newest event time in the sample log − watermark of the component.",
    "recommender",
    "component",
)
COMPONENT_BACKLOG = _family(
    "gauge",
    "recadmin_component_backlog_samples",
    "Samples in the log that the component has not learned.",
    "recommender",
    "component",
)
LEARNING_LAG = _family(
    "gauge",
    "recadmin_learning_lag_seconds",
    "From a sample's arrival to scores that have learned from it, over the last 10 s that ended.",
    "recommender",
    "percentile",
)
LIVE_VERSION = _family("gauge", "recadmin_live_version", "Number of the version.", "recommender")
SAMPLES_APPENDED = _family(
    "counter",
    "recadmin_samples_appended_total",
    "Samples ever appended to the log.",
    "recommender",
)
ACTIVE_RUNS = _family(
    "gauge",
    "recadmin_active_runs",
    "Update runs that have not ended, by state.",
    "recommender",
    "state",
)
FINISHED_RUNS = _family(
    "counter",
    "recadmin_finished_runs_total",
    "Update runs that have ended, by the state in which they did.",
    "recommender",
    "state",
)
CPU = _family(
    "counter",
    "recadmin_update_cpu_seconds_total",
    "CPU time of all update runs that have ended, of the last attempt at each.",
    "recommender",
)
ACTIVE_CPU = _family(
    "gauge",
    "recadmin_active_runs_cpu_seconds",
    "CPU time so far of update runs that have not ended, such as online sessions.",
    "recommender",
)
LAST_UPDATE = _family(
    "gauge",
    "recadmin_last_update_outcome",
    "1 for the state in which the last update run ended, 0 for the others.",
    "recommender",
    "state",
)
LAST_UPDATE_AT = _family(
    "gauge",
    "recadmin_last_update_timestamp_seconds",
    "When the last update run ended, in seconds since 1970.",
    "recommender",
)
SERVING_PROCESSES = _family(
    "gauge",
    "recadmin_serving_processes",
    "Running processes that serve it, by how they follow online learning.",
    "recommender",
    "sync",
)
SERVING_LAG = _family(
    "gauge",
    "recadmin_serving_lag_seconds",
    "Of the running processes that follow online learning: for how long the one furthest behind "
    "had not had everything when it reported.",
    "recommender",
)
SERVER_AGE = _family(
    "gauge",
    "recadmin_server_age_seconds",
    "Now − watermark of the version that a server which is not ours has swapped to.",
    "recommender",
    "server",
)
SERVER_BEHIND = _family(
    "gauge",
    "recadmin_server_behind_seconds",
    "For how long such a server has not served what is live; 0 where it does.",
    "recommender",
    "server",
)
QUEUE_MESSAGES = _family(
    "gauge", "recadmin_queue_messages", "Messages that wait in the queue.", "queue"
)
QUEUE_AGE = _family(
    "gauge",
    "recadmin_queue_oldest_message_age_seconds",
    "For how long the oldest message has waited; 0 when none waits.",
    "queue",
)
WORKERS = _family(
    "gauge", "recadmin_workers_alive", "Living worker processes that take from the queue.", "queue"
)
WORKER_HEARTBEAT = _family(
    "gauge",
    "recadmin_worker_heartbeat_age_seconds",
    "Since the last heartbeat of any worker of the queue; absent after ten silent minutes.",
    "queue",
)
BEAT_HEARTBEAT = _family(
    "gauge",
    "recadmin_beat_heartbeat_age_seconds",
    "Since the last tick of any beat; absent after ten silent minutes.",
)
DISK_FREE = _family("gauge", "recadmin_disk_free_bytes", "Free for the data folder.")
VALKEY_MEMORY = _family("gauge", "recadmin_valkey_memory_bytes", "Memory that Valkey uses.")
CHECK = _family(
    "gauge",
    "recadmin_check_ok",
    "1 where the check of /readyz is ok, 0 where it failed or cannot be told.",
    "check",
)
