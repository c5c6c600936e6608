"""Language, law and time."""

from compliance.environment import days, keepings, names, read, regimes, text, zone

from .places import BASE_DIR
from .web import SESSION_COOKIE_SECURE

#: Of what is stored, and of all that is no page: the API, commands, exports (compliance/language.py).
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]  # each by its own name
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]  # each app has its own beside it
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
#: Of the mails to ALERTS_TO.
_languages = {code: code for code, _name in LANGUAGES}
ALERTS_LANGUAGE = read("ALERTS_LANGUAGE", " or ".join(_languages), _languages.__getitem__, LANGUAGE_CODE)
#: Law → how it counts (compliance/deadlines).
REGIMES = regimes(text("REGIMES"))
#: Law → for how long personal data is kept (compliance/deadlines/keeping.py).
RETENTION = keepings(text("RETENTION"))
#: How long before personal data is destroyed by itself a case says so, at least.
RETENTION_NOTICE_DAYS = read("RETENTION_NOTICE_DAYS", "a whole number of days, 0 to 3650", days, "14")
#: Who gets data of everybody and is no vendor account: in the ledger of each case that is approved.
STANDING_RECIPIENTS = read("STANDING_RECIPIENTS", "at most 50 different names, by semicolons", names, "")
TIME_ZONE = read("TIME_ZONE", "a time zone name such as Europe/Berlin", zone, "UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "compliance.formats"
