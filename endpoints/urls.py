"""Addresses of the endpoints floor; those below /reads/ name a case by its assignment and nothing else."""

from django.urls import path

from endpoints.views import assignments, cases, dicomweb, findings, frames, unblindings

urlpatterns = [
    path("reads/", cases.worklist, name="worklist"),
    path("reads/<uuid:pk>/", cases.read, name="read"),
    path("reads/<uuid:pk>/open/", cases.open_case, name="read-open"),
    path("reads/<uuid:pk>/series/<int:series>/frames/<int:index>.png", frames.frame, name="read-frame"),
    path("reads/<uuid:pk>/dicomweb/<path:path>", dicomweb.case, name="read-dicomweb"),
    path("reads/<uuid:pk>/lesions/", findings.add_lesion, name="read-lesion-add"),
    path("reads/<uuid:pk>/lesions/remove/", findings.remove_lesion, name="read-lesion-remove"),
    path("reads/<uuid:pk>/measurements/", findings.measure, name="read-measure"),
    path("reads/<uuid:pk>/lock/", cases.lock, name="read-lock"),
    path("trials/<slug:code>/reads/", assignments.show, name="assignment-list"),
    path("trials/<slug:code>/reads/assign/", assignments.assign, name="assign"),
    path("trials/<slug:code>/reads/assign-all/", assignments.assign_all, name="assign-all"),
    path("trials/<slug:code>/unblindings/", unblindings.show, name="unblinding-list"),
    path("trials/<slug:code>/unblindings/new/", unblindings.add, name="unblinding-add"),
    path("unblindings/cases/<int:pk>/", unblindings.decide, name="unblinding-decide"),
]
