"""Logs on standard output, one line per event: JSON for machines, text for people."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

STANDARD_ATTRIBUTES = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure(level: str, form: str) -> None:
    """Send the lines of every logger to standard output.

    `level` is a level's name in upper case, `form` is "json" or "text".
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


class _RedactingFormatter(logging.Formatter):
    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - logging's name
        """The exception and its traceback, without anything that a tenant sent."""
        # Imported when needed: gunicorn's master logs, too, and its workers would inherit psycopg2 from it.
        from bulkimport.telemetry import redaction

        return redaction.report(ei[1]) if ei[1] else ""


class JsonFormatter(_RedactingFormatter):
    """A JSON object with time, level, logger, message and the fields that the call passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _extra(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(_RedactingFormatter):
    """`time LEVEL logger message key=value …`; an exception follows on the lines below."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname:<7} {record.name} {_plain(record.getMessage())}"
        line += "".join(f" {name}={_value(value)}" for name, value in _extra(record).items())
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _extra(record: logging.LogRecord) -> Mapping[str, object]:
    return {name: value for name, value in vars(record).items() if name not in STANDARD_ATTRIBUTES}


def _value(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


def _plain(text: str) -> str:
    """The text, quoted if it has line breaks: a caller must not be able to forge a line of the log."""
    return text if text.isprintable() else json.dumps(text)
