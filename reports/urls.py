"""Addresses of the reports floor."""

from django.urls import path

from reports import api, views

urlpatterns = [
    path("trials/<slug:code>/results/", views.results, name="results"),
    path("trials/<slug:code>/reports/", views.report_list, name="report-list"),
    path("trials/<slug:code>/reports/build/", views.build, name="report-build"),
    path("reports/<uuid:pk>/", views.report, name="report"),
    path("reports/<uuid:pk>/release/", views.release, name="report-release"),
    path("reports/<uuid:pk>/sealing/", views.sealing, name="report-sealing"),
    path("reports/<uuid:pk>/report.pdf", views.download_pdf, name="report-download"),
    path("reports/<uuid:pk>/contents.json", views.download_contents, name="report-contents"),
    path("verify/", views.verify, name="verify-report"),
    path("verify/root.pem", views.root, name="verify-root"),
    path("api/trials/<slug:code>/results/", api.Results.as_view(), name="api-results"),
]
