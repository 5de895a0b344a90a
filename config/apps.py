from django.apps import AppConfig


class CorelabConfig(AppConfig):
    name = "config"
    verbose_name = "Corelab"
