from django.apps import AppConfig

from config.logs import guard_output


class CorelabConfig(AppConfig):
    name = "config"
    verbose_name = "Corelab"

    def ready(self) -> None:
        guard_output()
