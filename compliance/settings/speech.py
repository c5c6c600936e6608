"""What goes out: mail, the API, the log."""

import sys

from compliance.environment import addresses, days, distances, env, read, sender, text, word

from .places import DATA_DIR, DEMO

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
ESCALATION_DAYS = read("ESCALATION_DAYS", "a whole number of days, 0 to 3650", days, "3")
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

#: One line a record: for people, or JSON for whatever collects logs.
LOG_FORMAT = read("LOG_FORMAT", "plain or json", word("plain", "json"), "plain")
#: Of the desk's own records. Of the libraries under it, warnings and worse are told.
LOG_LEVEL = read(
    "LOG_LEVEL", "debug, info, warning or error", word("debug", "info", "warning", "error"), "info"
).upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "compliance.logs.Plain"},
        "json": {"()": "compliance.logs.Json"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "stream": sys.stderr}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "compliance": {"level": LOG_LEVEL},
        "erasure": {"level": LOG_LEVEL},
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
