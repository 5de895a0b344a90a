"""Addresses of the privacy floor."""

from django.urls import path

from privacy.views import seclusion, withdrawal

urlpatterns = [
    path("subjects/<str:code>/withdrawal/", withdrawal.withdraw, name="consent-withdraw"),
    path("subjects/<str:code>/withdrawal/notice/", withdrawal.notice, name="withdrawal-notice"),
    path("trials/<slug:code>/out-of-analysis/", seclusion.show_all, name="seclusion-list"),
    path("out-of-analysis/<uuid:pk>/", seclusion.show, name="seclusion"),
]
