"""The API put together: what updates does, monitoring measures and neighbours are told."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from monitoring import api as measurements
from monitoring.alerts import api as alerts
from monitoring.fleet import fleet_freshness
from monitoring.scorecard import api as scorecard
from neighbours import api as neighbours
from updates.api import urls
from updates.api.views.unknown import Unknown

V1 = urls.with_slashes(
    [
        *urls.patterns(fleet_freshness),
        *measurements.PATTERNS,
        *scorecard.PATTERNS,
        *alerts.PATTERNS,
        *neighbours.PATTERNS,
    ]
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include((V1, "api"))),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html"),
        name="docs",
    ),
    path("<path:rest>", Unknown.as_view()),
]
