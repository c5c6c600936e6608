"""The project's settings. Every environment variable is read here, once, and nowhere else.

Each variable may also be given as a file: ``X_FILE`` names a file that holds the value of ``X``. A missing or bad value
stops the start with one line that names the variable (``manage.py`` prints it without a traceback).
"""

import contextlib
import ipaddress
import re
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from compliance.environment import (
    addresses,
    certificates_or_none,
    database_url,
    days,
    distances,
    env,
    file_or_none,
    folder,
    hosts,
    http_url_or_none,
    ignored,
    listed,
    minutes,
    names,
    read,
    regimes,
    roles_of_groups,
    sender,
    switch,
    text,
    zone,
)

BASE_DIR = Path(__file__).resolve().parent.parent
# --- where things are -------------------------------------------------------------------------------------------------

DEBUG = read("DEBUG", "0 or 1", switch, "0")
#: Set by manage.py for `demo` alone: an own data folder inside DATA_DIR, an own SQLite database, sandbox vendors.
_DEMOS = {"": "", "demo": "demo", "demo-once": "demo-once"}
DEMO = read("ERASURE_DESK_DEMO", "demo or demo-once", _DEMOS.__getitem__, "")

#: Plain http on this machine: sandbox vendors and tests.
VENDOR_LOOPBACK = read("VENDOR_LOOPBACK", "0 or 1", switch, "1" if DEMO else "0")

if DEMO:  # its sweep, its keys, its queue, its trail and its mails must never meet a real desk's
    ignored.update(
        (
            "DATABASE_URL",
            "KEY_RING",
            "SUPPRESSION_KEY",
            "AUDIT_SIGNING_KEY",
            "EVIDENCE_DIR",
            "CACHE_URL",
            "QUEUE_BROKER",
        )
    )
    ignored.update(("AUDIT_ANCHOR", "AUDIT_TIMESTAMP_URL", "ALERTS_TO", "EMAIL_URL", "OIDC_ISSUER"))
    ignored.add("LETTERS_FROM")

DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "var").resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    if DEMO:
        DATA_DIR = DATA_DIR / DEMO
        DATA_DIR.mkdir(exist_ok=True, mode=0o700)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR must be a folder that can be written: {error.strerror}.") from None

KEY_RING = Path(text("KEY_RING") or DATA_DIR / "keys" / "ring.json")
AUDIT_SIGNING_KEY = Path(text("AUDIT_SIGNING_KEY") or DATA_DIR / "keys" / "audit-signing.pem")
SUPPRESSION_KEY = Path(text("SUPPRESSION_KEY") or KEY_RING.parent / "suppression.key")
EVIDENCE_DIR = Path(text("EVIDENCE_DIR") or DATA_DIR / "evidence")


def _secret_key() -> str:
    given = text("SECRET_KEY")
    if given:
        return given
    if not (DEBUG or DEMO):
        raise ImproperlyConfigured(
            "SECRET_KEY must be set: a long random text, kept secret, the same on every host "
            "(with DEBUG=1 one is made in DATA_DIR)."
        )
    path = DATA_DIR / "secret-key"
    with contextlib.suppress(FileExistsError):
        made = path.with_suffix(f".{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(made)  # whoever is first: nobody ever reads half a key
        finally:
            made.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret_key()

# --- the web ----------------------------------------------------------------------------------------------------------

LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = read("ALLOWED_HOSTS", "a comma-separated list of host names", listed, "")
if DEMO or (DEBUG and not ALLOWED_HOSTS):
    ALLOWED_HOSTS = LOOPBACK_HOSTS
CSRF_TRUSTED_ORIGINS = read("CSRF_TRUSTED_ORIGINS", "a comma-separated list of origins (https://…)", listed, "")
if any("://" not in origin for origin in CSRF_TRUSTED_ORIGINS):
    raise ImproperlyConfigured("CSRF_TRUSTED_ORIGINS must be a comma-separated list of origins (https://…).")
TRUSTED_PROXIES = read(
    "TRUSTED_PROXIES",
    "a comma-separated list of IP addresses or networks",
    lambda raw: [ipaddress.ip_network(item) for item in listed(raw)],
    "",
)

ROOT_URLCONF = "compliance.urls"
WSGI_APPLICATION = "compliance.wsgi.application"
INSTALLED_APPS = [
    "compliance.staff.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "compliance.vault",
    "compliance.audit",
    "compliance.staff",
    "erasure",
]
MIDDLEWARE = [
    "compliance.staff.middleware.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "compliance.language.OfTheReader",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "compliance.staff.acting.ActingPerson",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "compliance.staff.fresh.FreshSignIn",
]
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
            ],
            "builtins": ["compliance.formats.tags"],
        },
    },
]
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns of a missing one
WHITENOISE_USE_FINDERS = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
# Cookies go over https alone, unless the desk can be reached from this machine only.
_COOKIES_SECURE = not DEBUG and any(host not in LOOPBACK_HOSTS for host in ALLOWED_HOSTS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _COOKIES_SECURE
SESSION_COOKIE_AGE = 12 * 3600
SECURE_REFERRER_POLICY = "same-origin"
# One file a request, of at most 5 MiB, held in memory alone; a body of the API may hold it in base64. No request,
# signed in or not, may fill the disk.
FILE_UPLOAD_HANDLERS = ["compliance.uploads.InMemory"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000  # the suggestions of one case, decided about at once
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

# --- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "staff.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
#: Whether people need a code beside their password. Without it the desk is as safe as its weakest password.
SECOND_FACTOR = read("SECOND_FACTOR", "0 or 1", switch, "0" if DEBUG or DEMO else "1")
OTP_ISSUER = "Erasure Desk"  # what authenticator apps call it
#: How old the last proof of identity may be before approval, reveal, downloads and work on keys. 0: asked each time.
FRESH_MINUTES = read("FRESH_MINUTES", "a whole number of minutes, 0 or more", minutes, "15")

# An identity provider (OpenID Connect) beside passwords; needs the extra `oidc`.


def _issuer_or_none(raw: str) -> str | None:
    if raw:
        parts = urlsplit(raw)
        local = VENDOR_LOOPBACK and parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or local):
            raise ValueError
    return raw or None


OIDC_ISSUER = read("OIDC_ISSUER", "the provider's https:// address, as its tokens name it", _issuer_or_none, "")
OIDC_CLIENT_ID = text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = text("OIDC_CLIENT_SECRET")
OIDC_SCOPE = text("OIDC_SCOPE", "openid profile")
OIDC_PROVIDER_NAME = text("OIDC_PROVIDER_NAME") or (urlsplit(OIDC_ISSUER).hostname if OIDC_ISSUER else "")
OIDC_NAME_CLAIM = text("OIDC_NAME_CLAIM", "preferred_username")
OIDC_GROUPS_CLAIM = text("OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLES = read("OIDC_ROLES", "a comma-separated list of group=role", roles_of_groups, "")
#: The words in `amr` or `acr` that count as a second factor; without any, the desk asks for its own.
OIDC_SECOND_FACTOR = listed(text("OIDC_SECOND_FACTOR"))
if OIDC_ISSUER:
    for _name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES"):
        if not vars()[_name]:
            raise ImproperlyConfigured(f"{_name} must be set where OIDC_ISSUER is.")
    if "openid" not in OIDC_SCOPE.split():
        raise ImproperlyConfigured("OIDC_SCOPE must hold the word openid.")
    if find_spec("authlib") is None:
        raise ImproperlyConfigured(
            "OIDC_ISSUER must be left out, or the extra installed: pip install erasure-desk[oidc]."
        )
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- language and time ------------------------------------------------------------------------------------------------

#: Of what is stored, and of all that is no page: the API, commands, exports (compliance/language.py).
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]  # each by its own name
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]  # each app has its own beside it
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _COOKIES_SECURE
#: Of the mails to ALERTS_TO.
_languages = {code: code for code, _name in LANGUAGES}
ALERTS_LANGUAGE = read("ALERTS_LANGUAGE", " or ".join(_languages), _languages.__getitem__, LANGUAGE_CODE)
#: Law → how it counts (compliance/deadlines).
REGIMES = regimes(text("REGIMES"))
#: Who gets data of everybody and is no vendor account: in the ledger of each case that is approved.
STANDING_RECIPIENTS = read("STANDING_RECIPIENTS", "at most 50 different names, by semicolons", names, "")
TIME_ZONE = read("TIME_ZONE", "a time zone name such as Europe/Berlin", zone, "UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "compliance.formats"

# --- database, cache, queue -------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


_sqlite = f"sqlite:///{DATA_DIR / 'desk.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {
    "default": read("DATABASE_URL", "a sqlite:/// or postgres:// address", database_url, _sqlite)
}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # One writer at a time, readers never blocked, every commit on the disk: without these three, busy workers see
    # "database is locked".
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # SQLite would make the file readable for everybody. Its -wal and -shm files get the mode of the file.
    if _database["NAME"] != ":memory:" and not Path(_database["NAME"]).exists():
        with contextlib.suppress(OSError):  # whoever uses the database is told
            Path(_database["NAME"]).touch(mode=0o600)
else:
    _database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}

CACHES: dict[str, dict[str, Any]] = {
    "default": read(
        "CACHE_URL",
        "a cache URL such as redis://host:6379/0",
        env.cache_url_config,
        f"filecache://{DATA_DIR / 'cache'}",
    )
}

QUEUE_BROKER = read(
    "QUEUE_BROKER",
    "orm or a Redis URL such as redis://host:6379/1",
    lambda raw: {"orm": "orm"}[raw] if not raw.startswith(("redis://", "rediss://", "unix://")) else raw,
    "orm",
)
# Send deadline < lease < queue timeout < queue retry (see erasure/worker): a message that is still being worked on is
# never handed out again. `save_limit` -1: nothing about a finished wake-up is worth a row.
Q_CLUSTER: dict[str, Any] = {
    "name": "erasure-desk",
    "workers": 3,
    "queue_limit": 6,
    "bulk": 1,
    "timeout": 900,
    "retry": 1200,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "scheduler": False,
    "recycle": 500,
    "max_rss": 400_000,
    "save_limit": -1,
    "poll": 0.3,
    "guard_cycle": 1,
    "label": "Queue",
    **({"orm": "default"} if QUEUE_BROKER == "orm" else {"redis": QUEUE_BROKER}),
    "broker_class": f"erasure.worker.broker.{'OrmBroker' if QUEUE_BROKER == 'orm' else 'RedisBroker'}",
}

# --- vendors ----------------------------------------------------------------------------------------------------------

VENDOR_HOSTS = read(
    "VENDOR_HOSTS",
    "a comma-separated list of host names, IP addresses or *.patterns, without https://, port or path",
    hosts,
    "",
)
VENDOR_PROXY = read("VENDOR_PROXY", "an http:// or https:// address", http_url_or_none, "")
VENDOR_CA_BUNDLE = read("VENDOR_CA_BUNDLE", "a file of CA certificates", file_or_none, "")
SUPPRESSION_DAYS = read("SUPPRESSION_DAYS", "a whole number of days, 0 to 3650", days, "0")
DISPATCH_DELAY_MINUTES = read("DISPATCH_DELAY_MINUTES", "a whole number of minutes, 0 or more", minutes, "0")

# --- where checkpoints of the trail go --------------------------------------------------------------------------------


def _web_address(url: str, *, plain: bool = False) -> None:
    """Raises ValueError unless it is https, plain http on this machine where VENDOR_LOOPBACK allows it, or `plain`."""
    parts = urlsplit(url)
    if not re.fullmatch(r"[\x21-\x7e]+", url) or parts.fragment or not parts.hostname or parts.port == 0:
        raise ValueError
    local = VENDOR_LOOPBACK and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and (local or plain)):
        raise ValueError


def _anchors(raw: str) -> list[str]:
    for url in listed(raw):
        (folder if urlsplit(url).scheme == "file" else _web_address)(url)
    return listed(raw)


def _authority_or_none(raw: str) -> str | None:
    if raw:
        # Where the signature is checked, nobody on the way can change the answer; many authorities speak plain http.
        _web_address(raw, plain=AUDIT_TIMESTAMP_CA is not None)
    return raw or None


AUDIT_ANCHOR = read(
    "AUDIT_ANCHOR",
    "a comma-separated list of file:///folder and https:// addresses "
    "(http:// for this machine alone, with VENDOR_LOOPBACK=1)",
    _anchors,
    "",
)
AUDIT_ANCHOR_MINUTES = read("AUDIT_ANCHOR_MINUTES", "a whole number of minutes, 0 or more", minutes, "10")
AUDIT_TIMESTAMP_CA = read("AUDIT_TIMESTAMP_CA", "a file of certificates in PEM", certificates_or_none, "")
AUDIT_TIMESTAMP_URL = read(
    "AUDIT_TIMESTAMP_URL",
    "an https:// address, or an http:// one if AUDIT_TIMESTAMP_CA says whose signature counts",
    _authority_or_none,
    "",
)

# --- mail, API, log ---------------------------------------------------------------------------------------------------

vars().update(
    read(
        "EMAIL_URL",
        "a mail URL such as smtp+tls://user:password@host:587",
        env.email_url_config,
        f"filemail:///{DATA_DIR}/mail" if DEMO else "consolemail://",
    )
)
#: Without a mail server, people are not reminded by mail.
MAIL_IS_SET = bool(text("EMAIL_URL"))
EMAIL_TIMEOUT = 20  # seconds, for each thing that the mail server is asked
#: So many days before a case is due people are reminded of it.
REMINDERS = read("REMINDERS", "a comma-separated list of days, 0 to 365 each", distances, "14, 7, 3, 1, 0")
#: So many days before it is due, a case that is not settled is put before those who can settle it.
ESCALATION_DAYS = read("ESCALATION_DAYS", "a whole number of days, 0 or more", minutes, "3")
ALERTS_TO = read("ALERTS_TO", "a comma-separated list of e-mail addresses", addresses, "")
#: Whom letters to people come from; without it they go out by other ways than e-mail.
LETTERS_FROM = read(
    "LETTERS_FROM",
    "an e-mail address such as Privacy team <privacy@example.org>",
    sender,
    "Demo shop <privacy@example.org>" if DEMO else "",
)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["erasure.api.authentication.ServiceTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["erasure.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "erasure.api.problems.handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Erasure Desk",
    "DESCRIPTION": "Open, approve and follow privacy cases; pull the audit trail.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": sys.stderr}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"compliance": {"level": "INFO"}, "erasure": {"level": "INFO"}},
}
