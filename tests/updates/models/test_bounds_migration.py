"""Policies stored before there were bounds are moved to them when they come."""

from tests.conftest import migration_graph


def test_numbers_past_their_bounds_go_to_the_bound(migrate):
    [bounds] = [key for key in migration_graph().nodes if key[1].endswith("_bounds")]
    apps = migrate(list(migration_graph().node_map[bounds].parents))
    recommender = apps.get_model("updates", "Recommender").objects.create(slug="news", schema={})
    apps.get_model("updates", "UpdatePolicy").objects.create(
        recommender=recommender, name="odd", interval_seconds=10**9, sync_interval_ms=1
    )
    policy = migrate([bounds]).get_model("updates", "UpdatePolicy").objects.get()
    assert (policy.interval_seconds, policy.sync_interval_ms) == (31_622_400, 10)
    assert (policy.window_seconds, policy.every_samples) == (None, None)
