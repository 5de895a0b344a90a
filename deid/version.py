"""The engine's own version and the identifiers it writes into every file it makes."""

ENGINE_VERSION = "0.1.0"
IMPLEMENTATION_CLASS_UID = "2.25.314598267103684027356190243587610928347"
IMPLEMENTATION_VERSION_NAME = f"CORELAB_{ENGINE_VERSION}"


def engine_version() -> str:
    """Return the version that is written to (0012,0063) and to the audit row."""
    return ENGINE_VERSION
