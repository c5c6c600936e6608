"""The log, for people and as JSON, with nothing that an exception's text may hold."""

import json
import logging
import sys
from logging.config import DictConfigurator
from pathlib import Path

from django.conf import settings

from compliance.logs import Json
from tests.compliance.test_settings import shown


def told(message: str, *args: object, exc_info: object = None) -> dict[str, str]:
    record = logging.LogRecord("erasure.worker", logging.WARNING, "settle.py", 1, message, args, exc_info)
    line = Json().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_a_record_is_one_line_with_its_time_level_logger_and_message() -> None:
    found = told("call %s\nis late", 7)
    assert found.pop("time").endswith("Z")
    assert found == {"level": "warning", "logger": "erasure.worker", "message": "call 7\nis late"}


def test_of_an_exception_the_type_and_the_place_are_told_and_never_the_text() -> None:
    try:
        raise ValueError("ada@example.org")
    except ValueError:
        found = told("it failed", exc_info=sys.exc_info())
    assert found["exception"] == "ValueError"
    assert found["where"].rpartition(":")[0] == __file__
    assert "ada@example.org" not in json.dumps(found)


def test_people_too_are_told_the_way_and_the_type_and_never_the_text() -> None:
    try:
        try:
            raise ValueError("ada@example.org")
        except ValueError as first:
            raise KeyError("Ada Lovelace") from first
    except KeyError:
        found = sys.exc_info()
    plain = DictConfigurator({}).configure_formatter(dict(settings.LOGGING["formatters"]["plain"]))
    said = plain.format(logging.LogRecord("erasure", logging.ERROR, "a.py", 1, "it failed", (), found))
    assert "ERROR erasure: it failed" in said and __file__ in said
    assert said.endswith("\nKeyError")
    # The line of the code is shown as it stands in the file; the text of an exception would follow its type.
    assert "ValueError: ada" not in said and "KeyError: " not in said


def test_its_form_and_how_much_it_tells_are_settings(tmp_path: Path) -> None:
    what = "(s.LOGGING['handlers']['console']['formatter'], s.LOGGING['loggers']['erasure']['level'])"
    assert shown(tmp_path, what) == "('plain', 'INFO')"
    assert shown(tmp_path, what, LOG_FORMAT="JSON", LOG_LEVEL="debug") == "('json', 'DEBUG')"
