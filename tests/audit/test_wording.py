"""The trail names kinds and fields in the language of the page."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.utils import translation
from django.utils.translation import trans_real

from audit.names import NAMES, ROLES
from audit.wording import kind, watched_fields
from config.words import TRANSLATED
from trials.roles import Role


def told() -> Iterator[str]:
    """Every name that a trail may show, as its model has it."""
    for model in apps.get_models():
        if hasattr(model, "road"):
            yield str(model._meta.verbose_name)
            yield from (str(field.verbose_name) for field in watched_fields(model))


@pytest.mark.req("R-WORDS-10")
@pytest.mark.parametrize("language", TRANSLATED)
def test_every_kind_field_and_role_of_the_trail_has_words_in_each_language(language: str) -> None:
    with translation.override(settings.LANGUAGE_CODE):
        names = set(told())
    # Of words that have a plural, each number is known by itself.
    catalog: Any = trans_real.translation(language)
    known = {each if isinstance(each, str) else each[0] for each, _other in catalog._catalog.items()}
    assert {*names, *ROLES} - known == set()
    assert set(NAMES) <= names
    roles = {role.value.replace("_", " ") for role in Role}
    assert roles <= set(ROLES)
    with translation.override(language):
        assert kind("trials.Subject") in {"participante", "deelnemer"}
