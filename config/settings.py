"""One settings module: embedded by default (SQLite, files, local worker), production by environment."""

import os
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from audit.secrets import load_key
from config.assets import WHITENOISE_ADD_HEADERS_FUNCTION, WHITENOISE_IMMUTABLE_FILE_TEST  # noqa: F401  whitenoise reads
from config.databases import database, roles_in, user_of
from config.door import (  # noqa: F401  settings of ours by being here
    OIDC_NAME,
    SESSION_ABSOLUTE,
    SESSION_IDLE,
    SESSION_RENEWAL,
    SESSION_WARNING,
    SIGN_IN_PENDING,
    provider_in,
)
from config.faces import DEFACER, DEFACER_GIB, DEFACER_MINUTES, defacer_root  # noqa: F401  settings of ours, read by name
from config.logs import log_settings
from config.room import QUOTAS, RESERVE  # noqa: F401  as above
from config.tongues import *  # noqa: F403  as above
from identity import switch

# Whatever a process of ours makes, the database above all, only its owner may read.
os.umask(0o077)
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("CORELAB_HOME") or BASE_DIR / "var").resolve()
HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
KEYS = HOME / "keys"
WEB_PORT = int(os.environ.get("CORELAB_PORT", "8000"))
DICOM_PORT = int(os.environ.get("CORELAB_DICOM_PORT", "11112"))
# An interpreter runs on one core at a time: the node is two processes where there are two cores.
DICOM_PROCESSES = max(1, int(os.environ.get("CORELAB_DICOM_PROCESSES") or min(2, os.cpu_count() or 1)))
# Both doors stand on loopback until the operator says otherwise (S01).
BIND_ADDRESS = os.environ.get("CORELAB_BIND", "127.0.0.1")
# The address of the proxy that speaks TLS for us: it alone is believed when it says that a request came so.
TRUSTED_PROXY = os.environ.get("CORELAB_TRUSTED_PROXY") or None
# Names one run, so that `manage.py run` knows its own web server by the pulse.
INSTANCE = os.environ.get("CORELAB_INSTANCE", "")
# With a certificate the node speaks TLS alone, and asks each caller for one that these authorities stand for (S03).
DICOM_TLS_CERTIFICATE = os.environ.get("CORELAB_DICOM_TLS_CERTIFICATE", "")
DICOM_TLS_KEY = os.environ.get("CORELAB_DICOM_TLS_KEY", "")
DICOM_TLS_AUTHORITIES = os.environ.get("CORELAB_DICOM_TLS_AUTHORITIES", "")
DICOM_AE_TITLE = os.environ.get("CORELAB_AE_TITLE", "CORELAB")

# A home that holds anything has had its keys: a lost one is told, not replaced in silence.
_IS_NEW = not any((HOME / name).exists() for name in ("corelab.sqlite3", "archive", "quarantine", "reports"))
SECRET_KEY = load_key(variable="CORELAB_SECRET_KEY", path=KEYS / "session.key", is_first_use=_IS_NEW).hex()
KEY_ENCRYPTION_KEY = load_key(variable="CORELAB_KEY_ENCRYPTION_KEY", path=KEYS / "quarantine.key", is_first_use=_IS_NEW)
# The vault of identities stands on a database and a key of its own, or not at all. Its key is no setting: it is read at
# the moment of each act, by whoever was given it.
VAULT_ON = switch.is_on(os.environ)
VAULT_ROOT = HOME / "identity"
IDENTITY_KEY_FILE = KEYS / "identity.key"
# The key of the audit seal is read by whoever seals, and made by them before the first checkpoint alone.
SEAL_KEY_VARIABLE = "CORELAB_SEAL_KEY"
SEAL_KEY_FILE = KEYS / "seal.key"
# Every checkpoint is appended here: on other storage than the database, or a cut tail goes unseen.
CHECKPOINT_FILE = Path(os.environ.get("CORELAB_CHECKPOINTS") or HOME / "checkpoints.jsonl")
SEAL_SECONDS = 3.0
# Every erasure is appended here: outside of what a backup brings back, or a restored backup undoes it unseen.
ERASURES_FILE = Path(os.environ.get("CORELAB_ERASURES") or HOME / "erasures.jsonl")
# An outside clock for checkpoints and sealed reports (RFC 3161), with the file of root certificates that vouch for it.
STAMP_URL = os.environ.get("CORELAB_TSA_URL", "")
STAMP_ROOTS = Path(os.environ["CORELAB_TSA_ROOTS"]) if os.environ.get("CORELAB_TSA_ROOTS") else None
# Whoever signs gives a second factor; this tells whether it holds.
SECOND_FACTOR = "trials.services.factors.verify"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", *filter(None, os.environ.get("CORELAB_HOSTS", "").split(","))]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS[2:]]

QUARANTINE_ROOT = HOME / "quarantine"
ARCHIVE_ROOT = HOME / "archive"
REPORTS_ROOT = HOME / "reports"
# What senders were promised and not told yet, sealed.
PROMISES_ROOT = HOME / "promises"

DEFACER_ROOT = defacer_root(HOME)

INSTALLED_APPS = [
    "config.apps.CorelabConfig",
    "audit",
    "trials",
    "imaging",
    "endpoints",
    "reports",
    "identity",
    "privacy",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # For its own pieces of forms, which our renderer finds among the templates.
    "django.forms",
    "guardian",
    # Second factors. Its addresses are not included: people come in by our own door.
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    # Before whatever may refuse: a refusal is a sentence too.
    "django.middleware.locale.LocaleMiddleware",
    "config.middleware.RequestSizeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.languages.AccountLanguageMiddleware",
    "config.duties.SessionLimitMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "config.middleware.ActorMiddleware",
    "config.inspection.InspectionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.duties.DutyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.languages.languages",
                "csp.context_processors.nonce",
                "config.context.navigation",
            ],
        },
    },
]
FORM_RENDERER = "config.forms.CorelabRenderer"

# One database, one role a part: whoever migrates owns the tables, nobody who serves does (see config.grants).
DATABASE_URLS = roles_in(os.environ)
DATABASE_ROLES = {part: user_of(url) for part, url in DATABASE_URLS.items()}
# Which of them this process is; manage.py knows by its command.
DATABASE_AS = os.environ.get("CORELAB_DATABASE_AS", "app")
# Where it matters, a role that fences would not hold serves nothing.
DATABASE_ROLES_REQUIRED = bool(ALLOWED_HOSTS[2:]) or "owner" in DATABASE_URLS
DATABASES = {
    "default": database(url=DATABASE_URLS.get(DATABASE_AS, DATABASE_URLS.get("app")), file=HOME / "corelab.sqlite3")
}
if VAULT_ON:
    DATABASES[switch.ALIAS] = database(url=os.environ.get(switch.URL), file=VAULT_ROOT / "vault.sqlite3")
DATABASE_ROUTERS = ["identity.routers.VaultRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "trials.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
GUARDIAN_ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
MFA_ADAPTER = "trials.adapters.FactorAdapter"
MFA_TOTP_ISSUER = "Corelab"
# Steps of 30 seconds before and after the present one: what phones' clocks are off.
MFA_TOTP_TOLERANCE = 1
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_AGE = SESSION_ABSOLUTE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Accounts of the demo come in with their printed password alone where nobody but this machine can knock.
DEMO_DOOR = BIND_ADDRESS in {"127.0.0.1", "::1", "localhost"} and not ALLOWED_HOSTS[2:]
# Loopback speaks plain HTTP; any other host must come over TLS.
SECURE_COOKIES = bool(ALLOWED_HOSTS[2:])
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
SECURE_SSL_REDIRECT = SECURE_COOKIES
# The pulse is taken on this machine, in front of no proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_COOKIES
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
OIDC_PROVIDER = provider_in(KEYS)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# The only handler keeps uploads in memory: Django's other one spools clear bytes into a temporary file,
# and no scan may touch a disk before it is encrypted. RequestSizeMiddleware holds the cap.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
REQUEST_CAP = 48 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = REQUEST_CAP
# What one DICOMweb request with a token of ours may carry: spooled encrypted by config.receiving, never held whole.
STOW_CAP = 4 * 1024**3
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000
# An access review sends two fields a role, and a large trial has many.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8_000
# Who may what is looked at in every trial after so many days at the latest (C02).
ACCESS_REVIEW_DAYS = int(os.environ.get("CORELAB_ACCESS_REVIEW_DAYS", "180"))
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.RecordPagination",
    "PAGE_SIZE": 100,
    "UNAUTHENTICATED_USER": None,
    # There is one form of answer; a parameter named so is unknown like any other.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "config.problems.problem_response",
}

# Written by people; what is compiled of them lies in our home, as static files do.
WORDS_ROOT = BASE_DIR / "locale"
LOCALE_PATHS = [HOME / "locale"]
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
BROWSER_ROOT = WHITENOISE_ROOT = HOME / "browser"
STORAGES = {
    # What is saved without a thought about where must be named by its content, or is refused.
    "default": {"BACKEND": "imaging.archive.ArchiveStorage"},
    "archive": {"BACKEND": "imaging.archive.ArchiveStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

BROKER_ROOT = HOME / "broker"
CELERY_BROKER_URL = os.environ.get("CORELAB_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    BROKER_ROOT.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_ROOT),
        "data_folder_out": str(BROKER_ROOT),
        "control_folder": str(BROKER_ROOT / "control"),
        # Seconds between looks into the folder: a delivery passes it once a stage.
        "polling_interval": 0.2,
    }
CELERY_TASK_DEFAULT_QUEUE = "road"
MEASURE_QUEUE = "measure"
CELERY_TASK_ROUTES = {"endpoints.tasks.*": {"queue": MEASURE_QUEUE}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 1800
CELERY_TASK_SOFT_TIME_LIMIT = 1740
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# The state columns are the queue; these sweeps make good whatever a broker lost.
SWEEP = 10.0
# A sweep that waited so long has been overtaken by the next.
_SWEEP = {"schedule": SWEEP, "options": {"expires": SWEEP}}
CELERY_BEAT_SCHEDULE = {
    "resume-submissions": {"task": "imaging.tasks.resume", **_SWEEP},
    "scrub-archive": {"task": "imaging.tasks.scrub", "schedule": 600.0, "options": {"expires": 600.0}},
    "tidy-quarantine": {"task": "imaging.tasks.tidy", "schedule": 600.0, "options": {"expires": 600.0}},
    "measure-segmentations": {"task": "endpoints.tasks.measure_pending", **_SWEEP},
    "seal-reports": {"task": "reports.tasks.seal_released", **_SWEEP},
}

LOGGING = log_settings(level=os.environ.get("CORELAB_LOG_LEVEL", "WARNING"))
