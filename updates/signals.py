"""What happened, for whoever watches (``monitoring`` does). Sent after the fact is stored."""

from django.dispatch import Signal

samples_appended = Signal()  # recommender, appended (first and last offset, duplicate)
policy_fired = Signal()  # policy, run, due_at, fired_at
progress = Signal()  # run
# run, quality: progressive, of what an online session learned since the last; newest: the newest
# samples since the last version as ``Judged``, at most the policy's holdout_samples, None of none
learned = Signal()
# recommender, lags_ms: (n,) from arrival to served by this process, counts: (n,) of samples, at
synced = Signal()
evaluated = Signal()  # run, evaluation
promoted = Signal()  # deployment
# recommender, ages_seconds: by feature, of all rows or of each that has a value, rows, at
features_used = Signal()
# recommender or None of all, source: who was asked how old features are, problems: why something
# is not known, in sentences, [] where all is
features_unknown = Signal()
rolled_back = Signal()  # deployment
publishing_frozen = Signal()  # freeze: what is learned online is not served from now on
publishing_thawed = Signal()  # freeze
