"""Figures of what is served, of what arrives and of policies."""

from __future__ import annotations

from monitoring.figures.figure import Figure

HEADLINE = (
    Figure(
        "age",
        "Age",
        "Now − watermark: the event time up to which what is served has learned. Learning old "
        "samples, however lately, makes nothing fresh.",
    ),
    Figure(
        "lag",
        "Lag",
        "Newest event time in the sample log − watermark of what is served; 0 when no sample "
        "waits.",
    ),
    Figure("backlog", "Backlog", "Samples in the log that what is served has not learned yet."),
    Figure(
        "log-samples",
        "Samples in the log",
        "The last offset of the log: offsets are dense, so it counts all samples ever appended.",
    ),
    Figure(
        "live-version",
        "Live version",
        "The version that serving answers from, and the time since it was made live.",
    ),
    Figure(
        "fresh-share",
        "Fresh, 7 days",
        "Share of the known time in which it was fresh or idle, beside what freshness_slo asks. "
        "The budget is the rest of the time; burning 1 × it would be used up just at the end of "
        "the window. Time in which nothing was live or measured is not known and uses none.",
    ),
    Figure(
        "learned-online",
        "Learned online",
        "The last offset whose change of the weights was sent to the serving processes; the state "
        "is that of the worst process that runs.",
    ),
)

CANARY = (
    Figure(
        "canary-share",
        "Answers",
        "Share of the users whose requests the version on trial answers; a hash decides, so that a "
        "user stays with one version. Requests that name no user are drawn by lot.",
    ),
    Figure("canary-left", "Time left", "Until it is promoted, unless it breaks a guardrail."),
    Figure(
        "canary-answered",
        "Answered",
        "Requests, rows and users that the version on trial has answered; users within 1 %.",
    ),
    Figure(
        "canary-gain",
        "Gain in NE",
        "NE of the live version − NE of the one on trial, on the same samples: those that have "
        "arrived since it began, which neither has learned, at most the newest 50,000. Above 0 it "
        "predicts better. As of the last look.",
    ),
)

FLEET = (
    Figure(
        "fleet-state",
        "State",
        "From age and lag: fresh up to the objective, aging within the grace, stale beyond; idle "
        "when no sample waits; unknown where nothing is live. Beside it, what is in the way.",
    ),
    Figure(
        "fleet-ne",
        "NE",
        "Normalized entropy of what is served on newly arrived samples, before it learned them: "
        "log loss ÷ entropy of the mean label. The line is the last hour, the number its newest.",
    ),
)

COMPONENTS = (
    Figure(
        "component-state",
        "State",
        "From age and objective: fresh up to the objective, aging within the grace, stale beyond; "
        "idle when no sample waits for it. Beside it, what is in the way.",
    ),
    Figure("component-age", "Age", "Now − watermark of this component of what is served."),
    Figure(
        "component-objective",
        "Against its objective",
        "The age on a bar: the solid line is the component's objective, or else the recommender's; "
        "the dashed line is objective + grace.",
    ),
    Figure("component-backlog", "Backlog", "Samples in the log that it has not learned."),
)

SERVING = (
    Figure(
        "had-everything",
        "Had everything",
        "When this process last had all that was sent to serving.",
    ),
    Figure(
        "learned-to-offset",
        "Learned to offset",
        "The last sample whose change of the weights this process serves.",
    ),
    Figure("delta", "Delta", "Number of the last change of weights that it has applied."),
    Figure(
        "gaps-healed",
        "Gaps healed",
        "How often it missed a change and loaded the state anew.",
    ),
)

SERVERS = (
    Figure(
        "server-state",
        "State",
        "synced: it serves what is live; swapping: not yet, within the time that a swap may take; "
        "lagging: not even then; failed: it said that it could not; idle: nothing was ever live.",
    ),
    Figure(
        "server-serves",
        "Serves",
        "The version that it has acknowledged to have swapped to, and how many deployments have "
        "followed since.",
    ),
    Figure(
        "server-age",
        "Age",
        "Now − watermark of that version. The oldest of the servers that are on is the "
        "recommender's: fresh is what is served, not what was published.",
    ),
    Figure("server-told", "Told", "The newest event that its address has taken, or why not."),
)

DRIFT = (
    Figure(
        "drift-verdict",
        "Verdict",
        "drifted: an effect of at least 0.1, and beyond chance; slight: beyond chance, but too "
        "small to act on; stable: not beyond chance; unsure: on so few rows that an effect could "
        "hide.",
    ),
    Figure(
        "psi",
        "PSI",
        "Population stability index: Σ (p − q) ln(p/q) over the bins, p the shares now and q those "
        "that the live version learned on.",
    ),
    Figure(
        "psi-by-chance",
        "by chance",
        "The PSI that samples of these sizes exceed one time in twenty though nothing drifted: "
        "χ²₀.₉₅(bins − 1) × (1/n + 1/m).",
    ),
    Figure(
        "js-distance",
        "JS distance",
        "Jensen–Shannon distance of both distributions: the square root of their divergence in "
        "nats; from 0 to 0.83.",
    ),
    Figure(
        "new-values",
        "New values",
        "Share of the rows now whose value the live version had not met in training.",
    ),
    Figure(
        "contribution",
        "Contribution",
        "Share of this feature in all features' effects beyond chance (PSI, or new values, less "
        "what chance explains).",
    ),
)

DEVICES = (
    Figure(
        "fresh-vectors",
        "On fresh vectors",
        "Of the users who did something in the last day, among the newest 50,000 samples: the "
        "share whose vector knows all of it but what is younger than the objective.",
    ),
    Figure(
        "users-looked-at",
        "Users looked at",
        "Users who did something in the last day, among the newest 50,000 samples.",
    ),
    Figure(
        "vector-age",
        "Newest thing a vector knows",
        "Now − the newest event time that a user's vector has learned from, by who made it.",
    ),
    Figure(
        "device-requests",
        "What devices sent",
        "Requests with a vector since the recommender was made, by what became of them.",
    ),
    Figure(
        "device-interactions",
        "Interactions",
        "Interactions that devices sent with their vectors and that were accepted.",
    ),
    Figure(
        "refreshing-worth",
        "What refreshing was worth",
        "Each interaction was predicted as it came, by the vector that devices had refreshed and "
        "by the one that training alone had made: mean difference of log loss ÷ entropy of the "
        "mean label, with the half-width of its 95 % interval.",
    ),
)

JOINING = (
    Figure("waiting", "Waiting", "Impressions whose window for feedback has not ended."),
    Figure(
        "joined-positive",
        "Joined, positive",
        "Samples made of impressions that positive feedback came for.",
    ),
    Figure(
        "joined-negative",
        "Joined, negative",
        "Samples made of impressions without positive feedback in their window, or at once where "
        "negatives are made at once.",
    ),
    Figure(
        "left-out",
        "Left out, negative",
        "Negative impressions left out by the negative sampling rate; the others count for more.",
    ),
    Figure(
        "late",
        "Late",
        "Positive feedback that came after its impression had become a negative for good.",
    ),
    Figure(
        "early",
        "Early",
        "Feedback that came before its impression; it is kept for a while and joined then.",
    ),
    Figure("unknown", "Unknown", "Feedback whose impression never came, or was long forgotten."),
    Figure(
        "duplicate-impressions",
        "Duplicate",
        "Impressions sent again with the same content: counted once.",
    ),
    Figure("duplicate-feedback", "Duplicate", "Feedback sent again: counted once."),
    Figure(
        "refused-impressions",
        "Refused",
        "Impressions whose id had come before with other content.",
    ),
    Figure(
        "skewed",
        "Skewed",
        "Rows with an event time in the future, or feedback before its impression's, by more than "
        "a second; they are joined all the same.",
    ),
    Figure(
        "remembered",
        "Remembered",
        "Impressions still known by their id, to tell late feedback from unknown.",
    ),
)

POLICIES = (
    Figure(
        "achieved",
        "Achieved",
        "Time between the last two fires of the policy that started a run; declared is the time "
        "between fires by its cadence.",
    ),
)
