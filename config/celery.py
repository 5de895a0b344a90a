"""The worker: each task runs one service; the state column, not the broker, is the true queue."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("corelab")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
