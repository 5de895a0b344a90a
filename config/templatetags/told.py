"""The filter behind which a stored English sentence stands on a page."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from config.told import translate

register = template.Library()


@register.filter
def told(sentence: Any) -> str:
    """Return the sentence in the language of the page."""
    return sentence if isinstance(sentence, SafeString) else translate(str(sentence))
