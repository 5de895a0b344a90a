"""The worker: each task runs one service; the state column, not the broker, is the true queue."""

import os
import sys
from importlib import import_module
from typing import Any

import django
from celery import Celery
from celery.signals import before_task_publish, celeryd_init, task_postrun, task_prerun
from django.core.checks import Tags, run_checks
from django.db import connections

from audit.actor import machine
from audit.context import acting, current
from config.single import CannotRun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("corelab")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def _refuse_unsafe(**_told: Any) -> None:
    # Celery runs Django's checks and goes on whatever they say.
    django.setup()
    found = [each for each in run_checks(tags=[Tags.security]) if each.is_serious()]
    if found:
        sys.exit("\n".join(str(each.msg) for each in found))
    try:
        # Told here alone: the application is made before its models are.
        import_module("config.readiness").refuse_unready()
    except CannotRun as refused:
        sys.exit(str(refused))
    # What forks from here opens a line of its own.
    connections.close_all()


@before_task_publish.connect
def _name_sender(headers: dict[str, Any], **_told: Any) -> None:
    """Let a task know for whom it was queued: the person, not the machine in between (ICH E6(R3) 4.2.4)."""
    here = current()
    if here is not None:
        headers["corelab_on_behalf_of"] = here.actor.on_behalf_of or here.actor.id


@task_prerun.connect
def _begin(task: Any, task_id: str, **_told: Any) -> None:
    sender = getattr(task.request, "corelab_on_behalf_of", None) or ""
    by = machine("worker", source=f"worker {task.name} {task_id}", request_id=f"task-{task_id}", on_behalf_of=sender)
    task.request.corelab_context = acting(by)
    task.request.corelab_context.__enter__()


@task_postrun.connect
def _end(task: Any, **_told: Any) -> None:
    task.request.corelab_context.__exit__(None, None, None)
