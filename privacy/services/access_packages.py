"""The answer to an access request: one PDF to read, one JSON file to keep (GDPR 12, 15, 20)."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.english import in_english
from audit.services import canonical, record
from privacy.paper import render
from privacy.services.dossiers import collect
from privacy.services.readable import draw
from trials import access
from trials.models import Disclosure, Subject
from trials.roles import Act
from trials.services.ledger import Leaving, disclose


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Two files about one subject, and the SHA-256 (hex) of the JSON one, which the PDF prints."""

    name: str
    pdf: bytes
    data: bytes
    sha256: str
    tells_arm: bool

    @property
    def zipped(self) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(f"{self.name}.pdf", self.pdf)
            bundle.writestr(f"{self.name}.json", self.data)
        return out.getvalue()


@in_english
def hand_out(*, by: Actor, subject: Subject) -> Package:
    """Make the package and write it into the trail and the ledger. A machine acts for whoever runs the command."""
    if by.user_id is not None:
        by = access.require(by, Act.REQUEST_HANDLE, subject)
    package = _make(subject)
    trial = subject.trial_site.trial
    with transaction.atomic():
        after = {"sha256": package.sha256}
        record(by=by, act="access_package.made", obj=subject, trial_code=trial.code, after=after)
        if package.tells_arm:
            record(by=by, act="arm.told", obj=subject, trial_code=trial.code, after=after)
        leaving = Leaving(
            kind=Disclosure.Kind.ACCESS,
            what=f"{package.name}.json",
            sha256=package.sha256,
            purpose=_("access request of the subject (GDPR 15)"),
            recipient=_("subject %(code)s, through site %(site)s")
            % {"code": subject.code, "site": subject.trial_site.number},
            subjects=(subject.code,),
        )
        disclose(by=by, trial=trial, leaving=leaving)
    return package


def _make(subject: Subject) -> Package:
    # As it is written, so that both files say the same.
    dossier: dict[str, Any] = json.loads(canonical(collect(subject)))
    data = json.dumps(dossier, indent=1, ensure_ascii=False, sort_keys=True).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    return Package(
        name=f"access-{subject.code}",
        pdf=render(draw(dossier, sha256)),
        data=data,
        sha256=sha256,
        tells_arm=dossier["arm"]["is_told"],
    )
