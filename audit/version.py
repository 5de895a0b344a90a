"""The software version that stands in every event and report; pyproject.toml repeats it, and a test compares."""

VERSION = "0.1.0"
