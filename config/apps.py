from importlib import import_module

from django.apps import AppConfig

from config.logs import guard_output


class CorelabConfig(AppConfig):
    name = "config"
    verbose_name = "Corelab"

    def ready(self) -> None:
        guard_output()
        # Registers its check; it looks at models, which are there by now.
        import_module("config.posture")
