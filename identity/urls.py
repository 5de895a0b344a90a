"""Addresses of the identity floor."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
