"""The language of a page: the one an account chose, before sign-in that of a cookie or the browser."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import translation
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

Next = Callable[[HttpRequest], HttpResponse]
_FOR_A_YEAR = "public, max-age=31536000, immutable"


class AccountLanguageMiddleware:
    """Speaks to who is signed in as their account says; LocaleMiddleware before it asked cookie and browser."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = getattr(request.user, "language", "")
        if chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen
        return self.get_response(request)


def languages(_request: HttpRequest) -> dict[str, Any]:
    """Tell the frame of pages which languages there are, and the address of our words."""
    return {
        "languages": settings.LANGUAGES,
        "words_version": version_of_words(),
    }


@cache
def version_of_words() -> str:
    """Return a name for what scripts are told in all languages together: a browser keeps them until it changes."""
    paths = sorted(path for root in settings.LOCALE_PATHS for path in root.rglob("djangojs.mo"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


@login_not_required
@require_safe
def script(request: HttpRequest, language: str, version: str) -> HttpResponseBase:
    """Answer with `gettext`, `ngettext` and `interpolate` for our scripts. Raises Http404 for a language we lack."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        # Any room with none of its own: ours lie in LOCALE_PATHS, and nobody else's are wanted.
        answer = JavaScriptCatalog.as_view(packages=["config"])(request)
    if version == version_of_words():
        answer["Cache-Control"] = _FOR_A_YEAR
    return answer
