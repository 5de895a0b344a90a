"""What a signature can mean (21 CFR 11.50(a)(3)): apart from the model, so that a signer needs no table."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Meaning(TextChoices):
    AUTHORSHIP = "authorship", _("I am the author of this record")
    REVIEW = "review", _("I have reviewed this record")
    APPROVAL = "approval", _("I approve this record")
    RESPONSIBILITY = "responsibility", _("I take responsibility for this record")
