"""All addresses. Each floor brings its own; the operator's pages hold accounts only."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    *(
        path("", include(f"{floor}.urls"))
        for floor in ("trials", "imaging", "endpoints", "reports")
        if find_spec(f"{floor}.urls")
    ),
    path("operator/", admin.site.urls),
]
handler500 = "config.views.server_error"
