"""Languages and clock of the pages. For `config.settings`."""

LANGUAGE_CODE = "en"
# Each by its own name: whoever looks for theirs may read no other.
LANGUAGES = [("en", "English"), ("es", "Español"), ("nl", "Nederlands")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
