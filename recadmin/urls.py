"""Addresses."""

from django.contrib import admin
from django.urls import include, path

from recadmin import health

urlpatterns = [
    path("", include("monitoring.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("recadmin.api")),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
