"""The project's settings. Every environment variable is read here, once, and nowhere else.

Each variable may also be given as a file: ``X_FILE`` names a file that holds the value of ``X``. A missing or bad value
stops the start with one line that names the variable (``manage.py`` prints it without a traceback).
"""

import contextlib
import ipaddress
import re
import secrets
import sys
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()


_ignored: set[str] = set()


def _text(name: str, default: str = "") -> str:
    if name in _ignored:
        return default
    try:
        return env.str(name, default=default).strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE must name a file that can be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE must name a file of text in UTF-8.") from None


def _read(name: str, expected: str, convert: Callable[[str], Any], default: str) -> Any:
    """The variable `name` through `convert`; a bad value is one line that says what was expected, never the value."""
    raw = _text(name, default)
    try:
        return convert(raw)
    except (ValueError, KeyError, ImproperlyConfigured):
        raise ImproperlyConfigured(f"{name} must be {expected}.") from None


def _switch(raw: str) -> bool:
    return {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
        "": False,
    }[raw.lower()]


def _list(raw: str) -> list[str]:
    return [item.strip() for item in raw.split(",") if item.strip()]


def _hosts(raw: str) -> list[str]:
    for host in _list(raw):
        name = host.removeprefix("*.")
        if name.rpartition(".")[2].isdigit() or ":" in name:
            ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        elif not re.fullmatch(r"\w([\w-]*\w)?(\.\w([\w-]*\w)?)*", name, re.ASCII):
            raise ValueError
    return _list(raw)


def _addresses(raw: str) -> list[str]:
    if not all(re.fullmatch(r"[^\s@<>()\";:]+@[^\s@<>()\";:]+", item) for item in _list(raw)):
        raise ValueError
    return _list(raw)


def _minutes(raw: str) -> int:
    if (minutes := int(raw)) < 0:
        raise ValueError
    return minutes


def _zone(raw: str) -> str:
    zoneinfo.ZoneInfo(raw)
    return raw


def _http_url_or_none(raw: str) -> str | None:
    if raw and not raw.startswith(("http://", "https://")):
        raise ValueError
    return raw or None


def _file_or_none(raw: str) -> str | None:
    if raw and not Path(raw).is_file():
        raise ValueError
    return raw or None


# --- where things are -------------------------------------------------------------------------------------------------

DEBUG = _read("DEBUG", "0 or 1", _switch, "0")
#: Set by manage.py for `demo` alone: an own data folder inside DATA_DIR, an own SQLite database, sandbox vendors.
_DEMOS = {"": "", "demo": "demo", "demo-once": "demo-once"}
DEMO = _read("ERASURE_DESK_DEMO", "demo or demo-once", _DEMOS.__getitem__, "")

if DEMO:  # its sweep, its keys and its queue must never meet a real desk's
    _ignored |= {"DATABASE_URL", "KEY_RING", "AUDIT_SIGNING_KEY", "EVIDENCE_DIR", "CACHE_URL", "QUEUE_BROKER"}

DATA_DIR = Path(_text("DATA_DIR") or BASE_DIR / "var").resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    if DEMO:
        DATA_DIR = DATA_DIR / DEMO
        DATA_DIR.mkdir(exist_ok=True, mode=0o700)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR must be a folder that can be written: {error.strerror}.") from None

KEY_RING = Path(_text("KEY_RING") or DATA_DIR / "keys" / "ring.json")
AUDIT_SIGNING_KEY = Path(_text("AUDIT_SIGNING_KEY") or DATA_DIR / "keys" / "audit-signing.pem")
EVIDENCE_DIR = Path(_text("EVIDENCE_DIR") or DATA_DIR / "evidence")


def _secret_key() -> str:
    given = _text("SECRET_KEY")
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
ALLOWED_HOSTS = _read("ALLOWED_HOSTS", "a comma-separated list of host names", _list, "")
if DEMO or (DEBUG and not ALLOWED_HOSTS):
    ALLOWED_HOSTS = LOOPBACK_HOSTS
CSRF_TRUSTED_ORIGINS = _read("CSRF_TRUSTED_ORIGINS", "a comma-separated list of origins (https://…)", _list, "")
if any("://" not in origin for origin in CSRF_TRUSTED_ORIGINS):
    raise ImproperlyConfigured("CSRF_TRUSTED_ORIGINS must be a comma-separated list of origins (https://…).")
TRUSTED_PROXIES = _read(
    "TRUSTED_PROXIES",
    "a comma-separated list of IP addresses or networks",
    lambda raw: [ipaddress.ip_network(item) for item in _list(raw)],
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
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# Nothing is uploaded yet: no request, signed in or not, may fill the disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "staff.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- language and time ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]
TIME_ZONE = _read("TIME_ZONE", "a time zone name such as Europe/Berlin", _zone, "UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "compliance.formats"

# --- database, cache, queue -------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _database_url(raw: str) -> dict[str, Any]:
    if not raw.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ValueError
    return dict(env.db_url_config(raw))


_sqlite = f"sqlite:///{DATA_DIR / 'desk.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {
    "default": _read("DATABASE_URL", "a sqlite:/// or postgres:// address", _database_url, _sqlite)
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
    "default": _read(
        "CACHE_URL",
        "a cache URL such as redis://host:6379/0",
        env.cache_url_config,
        f"filecache://{DATA_DIR / 'cache'}",
    )
}

QUEUE_BROKER = _read(
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
}

# --- vendors ----------------------------------------------------------------------------------------------------------

VENDOR_HOSTS = _read(
    "VENDOR_HOSTS",
    "a comma-separated list of host names, IP addresses or *.patterns, without https://, port or path",
    _hosts,
    "",
)
VENDOR_LOOPBACK = _read("VENDOR_LOOPBACK", "0 or 1", _switch, "1" if DEMO else "0")
VENDOR_PROXY = _read("VENDOR_PROXY", "an http:// or https:// address", _http_url_or_none, "")
VENDOR_CA_BUNDLE = _read("VENDOR_CA_BUNDLE", "a file of CA certificates", _file_or_none, "")
DISPATCH_DELAY_MINUTES = _read("DISPATCH_DELAY_MINUTES", "a whole number of minutes, 0 or more", _minutes, "0")

# --- mail, API, log ---------------------------------------------------------------------------------------------------

vars().update(
    _read("EMAIL_URL", "a mail URL such as smtp+tls://user:password@host:587", env.email_url_config, "consolemail://")
)
ALERTS_TO = _read("ALERTS_TO", "a comma-separated list of e-mail addresses", _addresses, "")

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
