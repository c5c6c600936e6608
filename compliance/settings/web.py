"""The web server: hosts, cookies, middleware, pages, uploads."""

import ipaddress

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from compliance.environment import days, listed, own_hosts, read, switch

from .places import BASE_DIR, DATA_DIR, DEBUG, DEMO

LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS = read(
    "ALLOWED_HOSTS", "a comma-separated list of host names, without https://, port or path", own_hosts, ""
)
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
    "compliance.vault.middleware.Unavailable",
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
#: Whether people reach the desk over https. One that answers to this machine's own names alone needs none.
HTTPS = not (DEBUG or DEMO) and any(host not in LOOPBACK_HOSTS for host in ALLOWED_HOSTS)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Only where a proxy is trusted the desk can tell http from https. Without one it would send people round in circles.
SECURE_SSL_REDIRECT = read("HTTPS_REDIRECT", "0 or 1", switch, "1" if HTTPS and TRUSTED_PROXIES else "0")
# Whoever asks on this machine, past the proxy, is answered: they ask nothing personal.
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^healthz$", "^metrics$"]
#: Browsers that were here over https come back by nothing else for so long. A year: nobody signs in without it anyway.
HSTS_DAYS = read("HSTS_DAYS", "a whole number of days, 0 to 3650", days, "365" if HTTPS else "0")
SECURE_HSTS_SECONDS = HSTS_DAYS * 24 * 3600
# The desk speaks for its own name alone: what stands under that name, and lists that browsers are shipped with
# (preload), are for whoever has the domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_AGE = 12 * 3600
SECURE_REFERRER_POLICY = "same-origin"
# One file a request, of at most 5 MiB, held in memory alone; a body of the API may hold it in base64. No request,
# signed in or not, may fill the disk.
FILE_UPLOAD_HANDLERS = ["compliance.uploads.InMemory"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000  # the suggestions of one case, decided about at once
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 1
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
