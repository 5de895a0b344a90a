"""The fixed cast and the shared stage: every test that needs people, a trial or a database takes them from here."""

from tests.cast import *  # noqa: F403  the cast's fixtures
from tests.imaging.scans import filed  # noqa: F401  a fixture
