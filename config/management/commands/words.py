from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config import words


class Command(BaseCommand):
    requires_system_checks = []
    help = "Write every sentence of the sources into the catalogs below locale/, for translators."

    def handle(self, *_args: Any, **_options: Any) -> None:
        words.renew(settings.BASE_DIR, settings.WORDS_ROOT)
        for domain in words.DOMAINS:
            for language in words.TRANSLATED:
                catalog = words.read(words.path_of(settings.WORDS_ROOT, language, domain), language)
                waiting = sum(not message.string or message.string == ("", "") for message in catalog if message.id)
                self.stdout.write(f"{language} {domain.name}: {len(catalog)} sentences, {waiting} without words.")
