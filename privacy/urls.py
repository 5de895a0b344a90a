"""Addresses of the privacy floor."""

from django.urls import path

from privacy.views import breaches, erasures, ledger, overview, register, requests, seclusion, secondary, withdrawal

_ROOT = "trials/<slug:code>/privacy"

urlpatterns = [
    path(f"{_ROOT}/", overview.show, name="privacy"),
    path(f"{_ROOT}/retention/", overview.set_retention, name="retention"),
    path(f"{_ROOT}/ledger/", ledger.show, name="ledger"),
    path(f"{_ROOT}/requests/", requests.show_all, name="request-list"),
    path(f"{_ROOT}/requests/<int:pk>/", requests.show, name="request"),
    path(f"{_ROOT}/requests/<int:pk>/more-time/", requests.extend, name="request-extend"),
    path(f"{_ROOT}/requests/<int:pk>/package/", requests.hand_out, name="request-package"),
    path(f"{_ROOT}/erasures/", erasures.show_all, name="erasure-list"),
    path(f"{_ROOT}/erasures/new/", erasures.decide, name="erasure-decide"),
    path(f"{_ROOT}/erasures/whole-trial/", erasures.destroy_trial, name="trial-destroy"),
    path(f"{_ROOT}/erasures/<uuid:pk>/", erasures.show, name="erasure"),
    path(f"{_ROOT}/erasures/<uuid:pk>/confirm/", erasures.confirm, name="erasure-confirm"),
    path(f"{_ROOT}/erasures/<uuid:pk>/drop/", erasures.drop, name="erasure-drop"),
    path(f"{_ROOT}/erasures/<uuid:pk>/certificate/", erasures.certificate, name="erasure-certificate"),
    path(f"{_ROOT}/breaches/", breaches.show_all, name="breach-list"),
    path(f"{_ROOT}/breaches/<int:pk>/", breaches.show, name="breach"),
    path(f"{_ROOT}/register/", register.show, name="register"),
    path(f"{_ROOT}/register/processors/", register.add_processor, name="processor-add"),
    path(f"{_ROOT}/register/transfers/", register.add_transfer, name="transfer-add"),
    path(f"{_ROOT}/register/bases/", register.set_basis, name="basis-set"),
    path(f"{_ROOT}/register/processors/<int:pk>/end/", register.end_processor, name="processor-end"),
    path(f"{_ROOT}/register/transfers/<int:pk>/end/", register.end_transfer, name="transfer-end"),
    path(f"{_ROOT}/register/<slug:paper>.pdf", register.download, name="register-paper"),
    path(f"{_ROOT}/secondary/", secondary.show, name="secondary"),
    path(f"{_ROOT}/secondary/<int:pk>/export/", secondary.hand_out, name="secondary-export"),
    path("subjects/<str:code>/withdrawal/", withdrawal.withdraw, name="consent-withdraw"),
    path("subjects/<str:code>/withdrawal/notice/", withdrawal.notice, name="withdrawal-notice"),
    path("trials/<slug:code>/out-of-analysis/", seclusion.show_all, name="seclusion-list"),
    path("out-of-analysis/<uuid:pk>/", seclusion.show, name="seclusion"),
]
