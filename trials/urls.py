"""Addresses of the trials floor."""

from django.urls import path

from trials import api
from trials.views import accounts, charter, corrections, factors, masking, people, reviews, subjects, trail, trial

urlpatterns = [
    path("sign-in/", accounts.enter, name="sign-in"),
    path("sign-out/", accounts.leave, name="sign-out"),
    path("operator/login/", accounts.operator_door, name="operator-door"),
    path("operator/logout/", accounts.leave, name="operator-leave"),
    path("account/second-factor/", factors.show, name="second-factor"),
    path("account/second-factor/set-up/", factors.enrol, name="second-factor-enrol"),
    path("account/second-factor/remove/", factors.remove, name="second-factor-remove"),
    path("trials/new/", trial.create, name="trial-create"),
    path("trials/<slug:code>/", trial.overview, name="trial"),
    path("trials/<slug:code>/open/", trial.open_trial, name="trial-open"),
    path("trials/<slug:code>/correct/", corrections.correct_trial, name="trial-correct"),
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
    path("trials/<slug:code>/sites/<int:pk>/correct/", corrections.correct_site, name="site-correct"),
    path("trials/<slug:code>/people/new/", people.add_member, name="member-add"),
    path("trials/<slug:code>/people/review/", reviews.review, name="access-review"),
    path("trials/<slug:code>/people/as-of/", reviews.as_of, name="access-as-of"),
    path("people/<int:pk>/end/", people.end_member, name="member-end"),
    path("trials/<slug:code>/subjects/", subjects.show_all, name="subject-list"),
    path("trials/<slug:code>/subjects/new/", subjects.register, name="subject-register"),
    path("trials/<slug:code>/consent-forms/new/", subjects.add_consent_form, name="consent-form-add"),
    path("subjects/<str:code>/", subjects.show, name="subject"),
    path("subjects/<str:code>/correct/", corrections.correct_subject, name="subject-correct"),
    path("subjects/<str:code>/consent/", subjects.give_consent, name="consent-give"),
    path("subjects/<str:code>/withdrawal/", subjects.withdraw_consent, name="consent-withdraw"),
    path("trials/<slug:code>/audit/", trail.show, name="trial-audit"),
    path("trials/<slug:code>/audit/export/", trail.export, name="trial-audit-export"),
    path("trials/<slug:code>/audit/mask/", masking.mask, name="trail-mask"),
    path("api/trials/", api.TrialList.as_view(), name="api-trials"),
    path("api/trials/<slug:code>/", api.TrialDetail.as_view(), name="api-trial"),
    path("api/trials/<slug:code>/sites/", api.SiteList.as_view(), name="api-sites"),
    path("api/trials/<slug:code>/sites/<int:pk>/", api.SiteDetail.as_view(), name="api-site"),
    path("api/trials/<slug:code>/subjects/<str:subject>/", api.SubjectDetail.as_view(), name="api-subject"),
    path("api/trials/<slug:code>/subjects/", api.SubjectList.as_view(), name="api-subjects"),
    path("api/trials/<slug:code>/time-points/", api.TimePointList.as_view(), name="api-time-points"),
]
