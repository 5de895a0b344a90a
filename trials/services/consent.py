"""The gate every act asks at its own moment: does consent cover it now."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from trials.models import Consent, Subject


def covers(subject: Subject, scope: str) -> bool:
    """Whether the latest consent row is given and names `scope` (GDPR 7; only the latest counts)."""
    latest = Consent.objects.filter(subject=subject).order_by("-id").first()
    return latest is not None and latest.kind == Consent.Kind.GIVEN and scope in latest.scopes


def require(subject: Subject, scope: str) -> None:
    """Raise ValidationError (`no-consent`) where consent does not cover `scope` now."""
    if not covers(subject, scope):
        raise ValidationError(
            _("Consent of subject %(code)s does not cover this (any more). Nothing was done; ask the site."),
            code="no-consent",
            params={"code": subject.code},
        )
