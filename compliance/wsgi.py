"""The WSGI entry point: `gunicorn compliance.wsgi`."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

APP_LOAD_ERROR = 4  # gunicorn's word for "starting this worker again will not help": the whole server ends

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
try:
    application = get_wsgi_application()

    from compliance.audit import checks  # not before the apps are loaded
    from compliance.vault import checks as vault_checks

    checks.log_if_unprotected()
    vault_checks.log_problem()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Erasure Desk cannot start: {error}\n")
    sys.exit(APP_LOAD_ERROR)
