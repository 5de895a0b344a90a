from django.urls import path

from imaging import api, views
from imaging.views import dicomweb, stow

urlpatterns = [
    path("trials/<slug:code>/deliveries/", views.submission_list, name="submission-list"),
    path("trials/<slug:code>/send/", views.send, name="send"),
    path("trials/<slug:code>/sites/<int:pk>/door/", views.site_door, name="site-door"),
    path("trials/<slug:code>/archive/", views.archive_state, name="archive-state"),
    path("deliveries/<uuid:pk>/conflicts/", views.conflict_list, name="conflict-list"),
    path("deliveries/<uuid:pk>/", views.submission, name="submission"),
    path("deliveries/<uuid:pk>/state/", views.submission_state, name="submission-state"),
    path("deliveries/<uuid:pk>/receipt/", views.submission_receipt, name="submission-receipt"),
    path("deliveries/<uuid:pk>/certificate/", views.submission_certificate, name="submission-certificate"),
    path("deliveries/<uuid:pk>/assign/", views.submission_assign, name="submission-assign"),
    path("deliveries/<uuid:pk>/discard/", views.submission_discard, name="submission-discard"),
    path("trials/<slug:code>/pictures/", views.pixel_list, name="pixel-list"),
    path("pictures/<int:pk>/", views.pixel_review, name="pixel-review"),
    path("pictures/<int:pk>/before/<int:index>.png", views.pixel_frame, {"shown": "before"}, name="pixel-before"),
    path("pictures/<int:pk>/after/<int:index>.png", views.pixel_frame, {"shown": "after"}, name="pixel-after"),
    path("pictures/<int:pk>/decide/", views.pixel_decide, name="pixel-decide"),
    path("time-points/<int:pk>/", views.time_point, name="time-point"),
    path("time-points/<int:pk>/decide/", views.qc_decide, name="qc-decide"),
    path("queries/<int:pk>/answer/", views.query_answer, name="query-answer"),
    path("series/<int:pk>/", views.series, name="series"),
    path("series/<int:pk>/frames/<int:index>.png", views.series_frame, name="series-frame"),
    path("trials/<slug:code>/dicomweb/<path:path>", dicomweb.trial, name="dicomweb"),
    path("dicomweb/studies", stow.store, name="stow"),
    path("dicomweb/studies/<str:study>", stow.store, name="stow-study"),
    path("dicomweb/expected", stow.expected, name="stow-expected"),
    path("dicomweb/deliveries/<uuid:pk>", stow.status, name="stow-status"),
    path("api/deliveries/", api.DeliveryListView.as_view(), name="api-delivery-list"),
    path("api/deliveries/<uuid:pk>/", api.DeliveryDetailView.as_view(), name="api-delivery"),
    path("api/deliveries/<uuid:pk>/pieces/", api.PiecesView.as_view(), name="api-delivery-pieces"),
    path("api/deliveries/<uuid:pk>/complete/", api.CompleteView.as_view(), name="api-delivery-complete"),
    path("api/deliveries/<uuid:pk>/receipt/", api.ReceiptView.as_view(), name="api-delivery-receipt"),
    path("api/deliveries/<uuid:pk>/certificate/", api.CertificateView.as_view(), name="api-delivery-certificate"),
    path(
        "api/deliveries/<uuid:pk>/certificate/<int:number>/",
        api.ObjectCertificateView.as_view(),
        name="api-delivery-certificate-object",
    ),
]
