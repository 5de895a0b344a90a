"""Addresses of the trials floor."""

from django.urls import path

from trials import api
from trials.views import accounts, charter, people, subjects, trail, trial

urlpatterns = [
    path("sign-in/", accounts.enter, name="sign-in"),
    path("sign-out/", accounts.leave, name="sign-out"),
    path("operator/login/", accounts.operator_door, name="operator-door"),
    path("operator/logout/", accounts.leave, name="operator-leave"),
    path("trials/new/", trial.create, name="trial-create"),
    path("trials/<slug:code>/", trial.overview, name="trial"),
    path("trials/<slug:code>/open/", trial.open_trial, name="trial-open"),
    path("trials/<slug:code>/charter/", charter.show, name="charter"),
    path("trials/<slug:code>/charter/<int:version>/settings/", charter.change_settings, name="charter-settings"),
    path(
        "trials/<slug:code>/charter/<int:version>/time-points/",
        charter.add_time_point,
        name="charter-time-point-add",
    ),
    path("trials/<slug:code>/charter/<int:version>/approve/", charter.approve, name="charter-approve"),
    path("trials/<slug:code>/charter/<int:version>/amend/", charter.amend, name="charter-amend"),
    path(
        "trials/<slug:code>/charter/time-points/<int:pk>/remove/",
        charter.remove_time_point,
        name="charter-time-point-remove",
    ),
    path(
        "trials/<slug:code>/charter/time-points/<int:pk>/series/",
        charter.add_requirement,
        name="charter-requirement-add",
    ),
    path("trials/<slug:code>/sites/", people.show, name="site-list"),
    path("trials/<slug:code>/sites/new/", people.add_site, name="site-add"),
    path("trials/<slug:code>/people/new/", people.add_member, name="member-add"),
    path("people/<int:pk>/end/", people.end_member, name="member-end"),
    path("trials/<slug:code>/subjects/", subjects.show_all, name="subject-list"),
    path("trials/<slug:code>/subjects/new/", subjects.register, name="subject-register"),
    path("trials/<slug:code>/consent-forms/new/", subjects.add_consent_form, name="consent-form-add"),
    path("subjects/<str:code>/", subjects.show, name="subject"),
    path("subjects/<str:code>/history/", subjects.show_history, name="subject-history"),
    path("subjects/<str:code>/consent/", subjects.give_consent, name="consent-give"),
    path("subjects/<str:code>/withdrawal/", subjects.withdraw_consent, name="consent-withdraw"),
    path("trials/<slug:code>/audit/", trail.show, name="trial-audit"),
    path("trials/<slug:code>/audit/export/", trail.export, name="trial-audit-export"),
    path("api/trials/", api.TrialList.as_view(), name="api-trials"),
    path("api/trials/<slug:code>/subjects/", api.SubjectList.as_view(), name="api-subjects"),
    path("api/trials/<slug:code>/time-points/", api.TimePointList.as_view(), name="api-time-points"),
]
