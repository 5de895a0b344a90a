"""Reports on their way, for what a withdrawal does to them."""

from tests.reports.conftest import _places, built, released  # noqa: F401  fixtures
