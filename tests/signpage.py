"""The signing page as an honest person fills it in: its hidden fields, its first meaning, the password, the code shown."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tests.people import PASSWORD

_SHOWN = re.compile(r'authenticator shows <strong class="mono">([\d ]+)</strong>')
_HIDDEN = re.compile(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"')
_MEANING = re.compile(r'<select name="meaning".*?<option value="([^"]+)"', re.DOTALL)


def fields(page: str) -> dict[str, str]:
    """What the form carries by itself. Raises AssertionError where this is no signing page."""
    form = page.partition('class="card signature"')[2]
    told = {name: unescape(value) for name, value in _HIDDEN.findall(form)}
    assert "token" in told, "this is no signing page"
    return told


def filled(page: str, *, password: str = PASSWORD) -> dict[str, str]:
    meaning, code = _MEANING.search(page), _SHOWN.search(page)
    assert meaning
    assert code, "only a demo account is told its code"
    return fields(page) | {"meaning": meaning[1], "password": password, "code": code[1]}


def sign(client: Client, page: Any, **other: Any) -> Any:
    """Sign the page that is open; `other` replaces what is typed or carried."""
    return client.post(page.wsgi_request.path, filled(page.content.decode()) | other)
