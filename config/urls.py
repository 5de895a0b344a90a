"""All addresses. Each floor brings its own; the operator's pages hold accounts only."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config import blinded, history, languages, reviews, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("words/<str:language>-<str:version>.js", languages.script, name="words"),
    path("", include("trials.urls")),
    path("", include("imaging.urls")),
    path("", include("endpoints.urls")),
    path("", include("reports.urls")),
    path("", include("identity.urls")),
    path("", include("privacy.urls")),
    path("history/<str:kind>/<str:key>/", history.show, name="history"),
    path("reads/<uuid:pk>/history/", blinded.show, name="read-history"),
    path("trials/<slug:code>/audit/reviews/", reviews.show, name="trial-reviews"),
    path("operator/", admin.site.urls),
]
handler500 = "config.views.server_error"
