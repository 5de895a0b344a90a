"""One field template for every form."""

from django.forms.renderers import TemplatesSetting


class CorelabRenderer(TemplatesSetting):
    field_template_name = "_field.html"
