"""The reading desk: everything the read page shows of one case, and nothing that tells whose it is."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from endpoints.forms import LesionForm, LockForm
from endpoints.models import Assignment, Lesion, Measurement, Read
from endpoints.selectors.cases import (
    FindingRow,
    SeriesPlace,
    findings,
    is_baseline,
    latest_response,
    series_places,
)
from endpoints.services.baseline import edit_checks
from endpoints.services.cases import require_own
from endpoints.services.reads import findings_sha256
from imaging.frames import Preset
from trials import access
from trials.http import ActorRequest

# In the order of the keys 1 to 6.
WINDOWS = (
    (Preset.SOFT_TISSUE, _("soft tissue")),
    (Preset.LUNG, _("lung")),
    (Preset.BONE, _("bone")),
    (Preset.BRAIN, _("brain")),
    (Preset.LIVER, _("liver")),
    (Preset.MEDIASTINUM, _("mediastinum")),
)
