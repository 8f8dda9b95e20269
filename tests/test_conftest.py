"""The ground that the other tests stand on."""

import pytest

from recadmin.roles import has_role
from recadmin.valkey import connection


def test_valkey_is_empty_and_is_the_one_that_the_settings_name(valkey):
    assert connection().dbsize() == 0
    connection().set("k", 1)
    assert valkey.get("k") == b"1"


def test_valkey_syncs_every_write(valkey):
    assert valkey.config_get("append*")["appendfsync"] == "always"


def test_people_have_the_roles_that_they_are_named_for(viewer, operator, admin_user, outsider):
    assert has_role(viewer, "viewer") and not has_role(viewer, "operator")
    assert has_role(operator, "operator") and not has_role(operator, "admin")
    assert has_role(admin_user, "admin")
    assert not has_role(outsider, "viewer")


def test_a_recommender_made_by_default_is_valid(make_recommender):
    make_recommender().full_clean()


def test_rows_are_the_same_at_every_call(make_batch):
    assert make_batch(5).equals(make_batch(5))
    assert make_batch(5).slice(3).equals(make_batch(2, first=3))


def test_a_condition_that_never_holds_fails_with_its_message(wait_until):
    with pytest.raises(pytest.fail.Exception, match="never came"):
        wait_until(lambda: False, seconds=0.05, message="never came")
