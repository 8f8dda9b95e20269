"""Adding a challenger in the admin: a copy of its champion, to be changed."""

from tests.updates.admin.conftest import address, told
from tests.updates.flows.challengers import challenge
from updates.models import Recommender


def action(client, name, *recommenders):
    data = {"action": name, "_selected_action": [each.pk for each in recommenders]}
    return client.post(address("recommender_changelist"), data)


def test_the_action_opens_a_form_with_the_champions_values(as_admin, recommender):
    recommender.learner_options = {"alpha": 0.3}
    recommender.save(update_fields=["learner_options"])
    answer = action(as_admin, "add_challenger", recommender)
    assert answer["Location"] == f"{address('recommender_add')}?challenges={recommender.pk}"
    form = as_admin.get(answer["Location"]).context["adminform"].form
    assert form["slug"].value() == "news-challenger"
    assert form["schema"].initial == recommender.schema
    assert form["learner_options"].initial == {"alpha": 0.3}


def test_what_is_saved_has_the_champions_policies_too(as_admin, recommender, daily, hourly):
    form = as_admin.get(address("recommender_add") + f"?challenges={recommender.pk}").context
    fields = form["adminform"].form
    data = {field.html_name: field.value() for field in fields if field.value() is not None}
    data |= {"learner_options": '{"alpha": 0.9}', "tags": ""}
    answer = as_admin.post(address("recommender_add"), data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    made = Recommender.objects.get(slug="news-challenger")
    assert made.challenges == recommender
    assert made.learner_options == {"alpha": 0.9}
    assert set(made.policies.values_list("name", flat=True)) == {"daily", "hourly"}
    assert "It has the policies of news: daily, hourly." in told(answer)


def test_a_challenger_is_not_challenged(as_admin, recommender, valkey):
    challenger = challenge(recommender)
    answer = action(as_admin, "add_challenger", challenger)
    assert "Select one recommender that is no challenger itself." in told(answer)
    form = as_admin.get(address("recommender_add")).context["adminform"].form
    assert list(form.fields["challenges"].queryset) == [recommender]


def test_whom_it_challenges_is_shown_and_stays(as_admin, recommender):
    challenger = challenge(recommender)
    form = as_admin.get(address("recommender_change", challenger.pk)).context["adminform"].form
    assert form.fields["challenges"].disabled


def test_operators_add_none(as_operator, recommender):
    action(as_operator, "add_challenger", recommender)
    assert as_operator.get(address("recommender_add")).status_code == 403


def test_a_champion_is_deleted_after_its_challengers(as_admin, recommender, valkey):
    challenge(recommender)
    answer = as_admin.post(address("recommender_delete", recommender.pk), {"post": "yes"})
    assert "challenger learn from its samples; delete them first." in told(answer)
    assert Recommender.objects.filter(pk=recommender.pk).exists()
