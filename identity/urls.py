"""Addresses of the vault; where there is no vault there are none."""

from django.conf import settings
from django.urls import URLPattern, path

from identity import views
from identity.switch import ALIAS

_VAULT = [
    path("trials/<slug:code>/identities/", views.show_all, name="identity-list"),
    path("subjects/<str:code>/identity/", views.show, name="identity"),
    path("subjects/<str:code>/identity/record/", views.record, name="identity-record"),
    path("subjects/<str:code>/identity/correct/", views.correct, name="identity-correct"),
    path("subjects/<str:code>/identity/unlock/", views.unlock, name="identity-unlock"),
    path("identity-windows/<uuid:pk>/", views.read, name="identity-window"),
    path("identity-windows/<uuid:pk>/agree/", views.approve, name="identity-approve"),
    path("identity-windows/<uuid:pk>/close/", views.close, name="identity-close"),
]
urlpatterns: list[URLPattern] = _VAULT if ALIAS in settings.DATABASES else []
