import uuid
from getpass import getpass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from audit.actor import Actor
from audit.context import acting
from audit.signing import Offer, Proof
from privacy.models import Erasure, Tombstone
from privacy.services import erasures
from privacy.services.certificates import certify
from trials.codes import normalise
from trials.models import Subject, User


class Command(BaseCommand):
    help = (
        "Erase a subject: two people decide and confirm, each with password and second factor, as on the page. "
        "Coded data that a law keeps stay unless the ground lets them go; a sealed certificate says so."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("subject")
        parser.add_argument(
            "--level",
            choices=[Erasure.Level.LINK.value, Erasure.Level.EVERYTHING.value],
            default=Erasure.Level.LINK.value,
        )
        parser.add_argument("--ground", choices=Erasure.Ground.values, required=True)
        parser.add_argument("--reason", required=True)
        parser.add_argument("--by", required=True, help="account of the data protection officer who decides")
        parser.add_argument("--confirmed-by", required=True, help="account of the second person")

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = Subject.objects.select_related("trial_site__trial")
        subject = rows.filter(code=normalise(options["subject"])).first()
        if subject is None:
            raise CommandError("No subject has this code. Nothing was erased.")
        try:
            tombstone = self._erase(subject, options)
        except (ValidationError, PermissionDenied, Http404) as refused:
            told = refused.messages if isinstance(refused, ValidationError) else ["This account may not do that."]
            raise CommandError(f"{' '.join(told)} Nothing was erased.") from None
        self.stdout.write(f"Erased. Contents SHA-256 {tombstone.contents_sha256}")
        with acting(officer := self._actor(options["by"])):
            self.stdout.write(f"Certificate SHA-256 {certify(by=officer, tombstone=tombstone).pdf_sha256}")

    def _erase(self, subject: Subject, options: dict[str, Any]) -> Tombstone:
        trial = subject.trial_site.trial
        wish = erasures.Wish(
            level=Erasure.Level(options["level"]),
            ground=Erasure.Ground(options["ground"]),
            reason=options["reason"],
        )
        officer, second = self._actor(options["by"]), self._actor(options["confirmed_by"])
        with acting(officer):
            offered = erasures.offer_decision(by=officer, trial=trial, subject=subject, wish=wish)
            proof = self._proof(officer, offered)
            erasure = erasures.decide(by=officer, trial=trial, subject=subject, wish=wish, proof=proof)
        with acting(second):
            offered = erasures.offer_confirmation(by=second, erasure=erasure)
            return erasures.confirm(by=second, erasure=erasure, proof=self._proof(second, offered))

    def _actor(self, username: str) -> Actor:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError("There is no such account. Nothing was erased.")
        return Actor(
            id=user.get_username(), name=str(user), source="command", request_id=uuid.uuid4().hex, user_id=user.pk
        )

    def _proof(self, by: Actor, offered: Offer) -> Proof:
        self.stdout.write(f"{by.name} signs the digest {offered.short}:")
        for name, value in offered.contents.items():
            self.stdout.write(f"  {name.replace('_', ' ')}: {_in_words(value)}")
        return Proof(
            token=offered.token,
            meaning=str(offered.meanings[0]),
            password=getpass(f"Password of {by.name}: "),
            code=getpass(f"Code of the second factor of {by.name}: "),
        )


def _in_words(value: Any) -> str:
    """What is signed: facts of one kind in a row, and each that is told in several words on a line of its own."""
    match value:
        case {}:
            return "".join(f"\n    {name.replace('_', ' ')}: {_in_words(told)}" for name, told in value.items())
        case [{}, *_]:
            return "".join(f"\n    {'; '.join(map(str, each.values()))}" for each in value)
        case []:
            return "none"
        case [*_]:
            return ", ".join(map(str, value))
    return str(value)
