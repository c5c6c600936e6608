"""The log: for people, or as JSON, one object a line, for whatever collects logs. An exception's text is in neither: it
may repeat what somebody typed or a vendor answered."""

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any


class Plain(logging.Formatter):
    """Time, level, logger and message; after an exception the way it took, and its type."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatException(self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | Any) -> str:  # noqa: N802 - logging's name
        kind, _error, trace = ei
        return "".join([*traceback.format_tb(trace), kind.__name__ if kind else ""])


class Json(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `logger`, `message`; after an exception its `exception` (the type) and `where`
    it came from."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        told = {
            "time": f"{at}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = record.exc_info[0].__name__
            if frames := traceback.extract_tb(record.exc_info[2]):
                told["where"] = f"{frames[-1].filename}:{frames[-1].lineno}"
        return json.dumps(told, ensure_ascii=False)
