"""The form of a recommender."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from updates.admin.catalogue import options_help
from updates.admin.forms import HelpfulForm
from updates.admin.json_field import JSONListField, JSONObjectField
from updates.admin.objectives_field import ObjectivesField
from updates.admin.tags_field import TagsField
from updates.learners import registry
from updates.models import Recommender
from updates.models.log_owner import OF_THE_LOG

FIXED = "Fixed: samples and versions depend on it. For another one, create another recommender."
SCHEMA_HELP = (
    "Fields of a sample by kind, e.g. <code>{&quot;user&quot;: &quot;user&quot;, "
    "&quot;item&quot;: &quot;item&quot;, &quot;categorical&quot;: [&quot;device&quot;], "
    "&quot;numeric&quot;: [&quot;price&quot;], &quot;multivalued&quot;: [&quot;genres&quot;], "
    "&quot;crosses&quot;: [[&quot;user&quot;, &quot;genres&quot;]]}</code>. "
    "<code>label</code>, <code>event_time</code> and <code>weight</code> belong to every sample. "
    "Of what is predicted elsewhere, <code>&quot;prediction&quot;: &quot;score&quot;</code> and "
    "<code>&quot;version&quot;: &quot;model&quot;</code> name the fields with the probability and "
    "with the name of the model that gave it."
)
SLICES_HELP = (
    "Parts of the traffic whose quality is measured on their own, at most 12, e.g. <code>[{"
    "&quot;name&quot;: &quot;new-items&quot;, &quot;new&quot;: &quot;item&quot;, &quot;days&quot;: "
    "7}, {&quot;name&quot;: &quot;evening&quot;, &quot;feature&quot;: &quot;hour&quot;, "
    "&quot;in&quot;: [&quot;18&quot;, &quot;19&quot;]}, {&quot;name&quot;: &quot;dear&quot;, "
    "&quot;feature&quot;: &quot;price&quot;, &quot;from&quot;: 100}]</code>."
)
OBJECTIVES_HELP = (
    "In seconds, of a component that is to be fresher than the whole, or may be older; left empty, "
    "the objective above counts for it. The grace is the same for all."
)


class SuggestedOptions(forms.Form):
    """Options that the page of a what-if suggests a value for, in the address."""

    admit_after = forms.IntegerField(required=False, min_value=0)
    expire_after = forms.IntegerField(required=False, min_value=0)


def suggested_options(query: Mapping[str, str]) -> dict[str, int]:
    """Those that are there and whole numbers."""
    form = SuggestedOptions(query)
    form.full_clean()
    return {name: value for name, value in form.cleaned_data.items() if value is not None}


# A challenger is judged like its champion, unless somebody says otherwise.
AS_THE_CHAMPION = (*OF_THE_LOG, "learner", "learner_options", "freshness_objective_seconds")


def as_challenger(champion: Recommender) -> dict[str, Any]:
    """What the form of a new challenger begins with."""
    return {
        "name": f"{champion.name}, challenger",
        "slug": f"{champion.slug}-challenger"[:60],
        **{name: getattr(champion, name) for name in AS_THE_CHAMPION},
    }


class RecommenderForm(HelpfulForm):
    learner = forms.ChoiceField(
        choices=lambda: [(name, name) for name in registry.names()],
        help_text="The kind of model; its options are listed below.",
    )
    tags = TagsField(
        required=False,
        help_text="Up to 20 short names to find it by, such as its team or surface, with commas "
        "between them.",
    )
    learner_options = JSONObjectField(required=False)
    schema = JSONObjectField(
        help_text=SCHEMA_HELP,
        error_messages={"required": "Name at least one feature, in the form shown below."},
    )

    slices = JSONListField(required=False, help_text=SLICES_HELP)

    suggested: ClassVar[Mapping[str, int]] = {}

    class Meta:
        model = Recommender
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Those who may only look have no fields.
        if "component_objectives" in self.fields:
            self.fields["component_objectives"] = ObjectivesField(
                self.instance.learner_class.components,
                required=False,
                label="Objectives of components",
                help_text=OBJECTIVES_HELP,
            )
        if "challenges" in self.fields:
            champions = Recommender.objects.filter(challenges=None)
            self.fields["challenges"].queryset = champions
        if "learner_options" in self.fields:
            self.fields["learner_options"].help_text = options_help()
            if self.suggested:
                self.initial["learner_options"] = self.instance.learner_options | self.suggested
        if self.instance.pk:
            for name in {"slug", "learner", "schema", "challenges"} & set(self.fields):
                self.fix(name, FIXED)

    def clean_learner_options(self) -> dict[str, Any]:
        """Empty means all defaults."""
        return self.cleaned_data["learner_options"] or {}

    def clean_slices(self) -> list[Any]:
        """Empty means none."""
        return self.cleaned_data["slices"] or []

    def clean(self) -> dict[str, Any]:
        """A learner that is installed but broken is said here, not met later by a worker."""
        cleaned = super().clean()
        name = cleaned.get("learner")
        try:
            if name:
                registry.get(name)
        except (ImportError, AttributeError) as error:
            raise ValidationError({"learner": f"{name} cannot be loaded: {error}."}) from error
        return cleaned
