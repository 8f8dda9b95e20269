"""Creating and changing a recommender: what is wrong is said so that it can be put right."""

import json

import pytest

from tests.updates.admin.conftest import address, errors, recommender_data, told
from updates.learners import registry
from updates.models import Recommender

ADD = "recommender_add"


def test_an_admin_creates_a_recommender(as_admin, admin_user):
    answer = as_admin.post(address(ADD), recommender_data())
    assert answer.status_code == 302
    created = Recommender.objects.get(slug="news")
    assert created.schema == {"user": "user", "item": "item"}
    assert created.history.get().history_user == admin_user


def test_learners_are_offered_by_name(as_admin):
    page = as_admin.get(address(ADD))
    offered = page.context["adminform"].form.fields["learner"].choices
    assert [name for name, _ in offered] == registry.names()


@pytest.mark.parametrize("name", registry.names())
def test_each_option_is_listed_with_range_default_and_meaning(as_admin, name):
    page = as_admin.get(address(ADD)).content.decode()
    for option in registry.get(name).options:
        assert f"<code>{option.name}</code> {option.allowed}; default " in page
        assert option.help.split("'")[0] in page


def test_a_learner_that_cannot_be_imported_hides_no_other(as_admin, monkeypatch):
    def broken(name):
        raise ImportError("No module named 'lightgbm'")

    monkeypatch.setattr(registry, "get", broken)
    page = as_admin.get(address(ADD)).content.decode()
    assert "Options of sparse_linear" in page
    assert "Cannot be loaded: No module named &#x27;lightgbm&#x27;" in page


def test_a_learner_that_cannot_be_imported_cannot_be_chosen(as_admin, monkeypatch):
    def broken(name):
        raise ImportError("No module named 'lightgbm'")

    monkeypatch.setattr(registry, "get", broken)
    problems = errors(as_admin.post(address(ADD), recommender_data()))
    assert problems["learner"] == ["sparse_linear cannot be loaded: No module named 'lightgbm'."]


def test_json_that_cannot_be_read_is_shown_again_with_the_place_of_the_mistake(as_admin):
    written = '{"user": "user",\n "item": item}'
    page = as_admin.post(address(ADD), recommender_data(schema=written))
    assert "line 2, column 10" in errors(page)["schema"][0]
    assert len(errors(page)["schema"]) == 1
    assert "&quot;item&quot;: item}" in page.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("schema", "[1]", "Must be a JSON object, {…}, got a list."),
        ("schema", "", "Name at least one feature, in the form shown below."),
        ("schema", "{}", "Name at least one feature, in the form shown below."),
        ("schema", '{"user": null}', "schema.categorical: a schema needs at least one feature"),
        ("schema", '{"usr": "u"}', "schema.usr: unknown key; allowed are"),
        ("schema", '{"user": "label"}', "schema.label: is reserved"),
        ("learner", "magic", "Select a valid choice. magic is not one of the available choices."),
        ("learner_options", "7", "Must be a JSON object, {…}, got a number."),
        ("learner_options", '{"alpha": -1}', "learner_options.alpha: must be a number from"),
        ("learner_options", '{"speed": 1}', "learner_options.speed: must be one of the options"),
        ("freshness_objective_seconds", "0", "greater than or equal to 1"),
        ("slug", "a slug", "Enter a valid “slug”"),
        ("keep_versions", "1", "greater than or equal to 2"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(as_admin, field, value, said):
    problems = errors(as_admin.post(address(ADD), recommender_data(**{field: value})))
    assert list(problems) == [field]
    assert said in problems[field][0]


def test_slices_are_a_json_list_and_may_be_left_empty(as_admin):
    slices = '[{"name": "new-items", "new": "item", "days": 7}]'
    as_admin.post(address("recommender_add"), recommender_data(slices=slices))
    assert Recommender.objects.get().slices[0]["name"] == "new-items"
    refused = as_admin.post(address("recommender_add"), recommender_data(slug="b", slices="{}"))
    assert errors(refused)["slices"] == ["Must be a JSON list, […], got an object."]


def test_a_taken_slug_is_refused(as_admin, recommender):
    problems = errors(as_admin.post(address(ADD), recommender_data()))
    assert problems["slug"] == ["Recommender with this Slug already exists."]


def test_slug_learner_and_schema_stay_as_they_were(as_admin, recommender):
    data = recommender_data(
        slug="other", learner="gbdt", schema='{"user": "u"}', name="Newer", learner_options=""
    )
    as_admin.post(address("recommender_change", recommender.pk), data)
    changed = Recommender.objects.get()
    assert (changed.slug, changed.learner, changed.name) == ("news", "sparse_linear", "Newer")
    assert changed.schema == recommender.schema


def test_saving_does_not_undo_a_promotion_made_meanwhile(
    as_admin, recommender, make_version, monkeypatch
):
    from updates.admin.recommender import RecommenderAdmin

    save = RecommenderAdmin.save_model

    def promote_first(*args, **kwargs):
        make_version()
        save(*args, **kwargs)

    monkeypatch.setattr(RecommenderAdmin, "save_model", promote_first)
    as_admin.post(address("recommender_change", recommender.pk), recommender_data(name="Newer"))
    changed = Recommender.objects.get()
    assert changed.name == "Newer"
    assert changed.live_version.number == 1


def test_new_options_are_said_to_wait_for_the_next_full_update(as_admin, recommender):
    data = recommender_data(learner_options='{"alpha": 0.5}')
    answer = as_admin.post(address("recommender_change", recommender.pk), data)
    assert "The next full update learns with the new options." in told(answer)
    assert Recommender.objects.get().learner_options == {"alpha": 0.5}


def test_its_page_shows_policies_versions_and_runs(as_viewer, recommender, daily, make_version):
    version = make_version()
    run = recommender.runs.create(strategy="full", components=["weights"])
    page = as_viewer.get(address("recommender_change", recommender.pk)).content.decode()
    assert "at 03:00 (Europe/Berlin)" in page
    for row, name in [(daily, "updatepolicy"), (version, "modelversion"), (run, "updaterun")]:
        assert address(f"{name}_change", row.pk) in page


def test_tags_are_entered_as_a_line_and_kept_as_a_list(as_admin, recommender):
    page = address("recommender_change", recommender.pk)
    as_admin.post(page, recommender_data(tags="EU, homepage  homepage"))
    recommender.refresh_from_db()
    assert recommender.tags == ["eu", "homepage"]
    assert 'value="eu, homepage"' in as_admin.get(page).content.decode()


@pytest.mark.parametrize(
    ("tags", "said"),
    [("über", "'über': a tag has 1 to 30"), (" ".join(map(str, range(21))), "At most 20 tags")],
)
def test_what_is_no_tag_is_said(as_admin, recommender, tags, said):
    page = address("recommender_change", recommender.pk)
    answer = as_admin.post(page, recommender_data(tags=tags))
    assert said in errors(answer)["tags"][0]


def objectives_field(page):
    return page.context["adminform"].form.fields.get("component_objectives")


def test_objectives_of_components_are_asked_where_there_are_several(as_admin, make_recommender):
    one, several = make_recommender(), make_recommender(slug="films", learner="gbdt_lr")
    assert objectives_field(as_admin.get(address("recommender_change", one.pk))) is None
    page = as_admin.get(address("recommender_change", several.pk))
    assert list(objectives_field(page).components) == ["trees", "lr"]


def with_objectives(recommender, trees, lr):
    sent = {"component_objectives_trees": trees, "component_objectives_lr": lr}
    return recommender_data(slug=recommender.slug, learner=recommender.learner) | sent


def test_an_objective_of_a_component_is_kept_shown_again_and_taken_back(as_admin, make_recommender):
    films = make_recommender(slug="films", learner="gbdt_lr")
    page = address("recommender_change", films.pk)
    assert as_admin.post(page, with_objectives(films, 86_400, "")).status_code == 302
    films.refresh_from_db()
    assert films.component_objectives == {"trees": 86_400}
    assert 'value="86400"' in as_admin.get(page).content.decode()
    as_admin.post(page, with_objectives(films, "", ""))
    films.refresh_from_db()
    assert films.component_objectives == {}


@pytest.mark.parametrize(
    ("trees", "said"),
    [(0, "trees: must be whole seconds from 1"), ("soon", "Enter a whole number.")],
)
def test_what_is_no_objective_of_a_component_is_said(as_admin, make_recommender, trees, said):
    films = make_recommender(slug="films", learner="gbdt_lr")
    page = address("recommender_change", films.pk)
    answer = as_admin.post(page, with_objectives(films, trees, ""))
    assert said in errors(answer)["component_objectives"][0]


def filled_in(as_admin, recommender, query):
    page = as_admin.get(f"{address('recommender_change', recommender.pk)}?{query}")
    return page.context["adminform"].form["learner_options"].value()


def test_what_a_what_if_suggests_is_filled_in_and_not_saved(as_admin, make_recommender):
    news = make_recommender(learner_options={"alpha": 0.1, "admit_after": 2})
    found = filled_in(as_admin, news, "admit_after=5&expire_after=30")
    assert json.loads(found) == {"alpha": 0.1, "admit_after": 5, "expire_after": 30}
    news.refresh_from_db()
    assert news.learner_options == {"alpha": 0.1, "admit_after": 2}


@pytest.mark.parametrize("wrong", ["<b>", "-1", "2.5", "", "9" * 5000], ids=lambda wrong: wrong[:3])
def test_a_suggestion_that_is_no_whole_number_is_passed_over(as_admin, make_recommender, wrong):
    news = make_recommender(learner_options={"alpha": 0.1})
    found = filled_in(as_admin, news, f"admit_after={wrong}&expire_after=30&beta=3")
    assert json.loads(found) == {"alpha": 0.1, "expire_after": 30}
