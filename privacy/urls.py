"""Addresses of the privacy floor."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
