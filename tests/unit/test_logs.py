"""Log lines, for machines and for people."""

import json
import logging
import sys
from collections.abc import Mapping

from bulkimport.telemetry.logs import JsonFormatter, TextFormatter


def line(message: str = "done", *arguments: object, **extra: object) -> logging.LogRecord:
    attributes: Mapping[str, object] = {
        "name": "bulkimport.worker.loop",
        "levelno": 20,
        "levelname": "INFO",
        "msg": message,
        "args": arguments,
        "created": 0.25,
    }
    return logging.makeLogRecord({**attributes, **extra})


def test_json_is_one_object_per_line() -> None:
    text = JsonFormatter().format(line("ü %s", 1, request_id="r-1", seconds=0.5))
    assert json.loads(text) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "info",
        "logger": "bulkimport.worker.loop",
        "message": "ü 1",
        "request_id": "r-1",
        "seconds": 0.5,
    }


def test_text_is_time_level_logger_message_and_fields() -> None:
    text = TextFormatter().format(
        line(job_id="x-1", seconds=0.5, reason='the "server" left', none="", a="1=2")
    )
    assert text == (
        "1970-01-01T00:00:00.250+00:00 INFO    bulkimport.worker.loop done "
        'job_id=x-1 seconds=0.5 reason="the \\"server\\" left" none="" a="1=2"'
    )


def test_a_logged_value_cannot_start_a_new_line() -> None:
    evil = "x\n1970-01-01 INFO forged\x1b[31m\u2028"
    for formatter in (JsonFormatter(), TextFormatter()):
        text = formatter.format(line(evil, path=evil))
        assert "\n" not in text
    assert text.isprintable()


def test_an_exception_follows_a_line_for_people_and_is_part_of_a_line_for_machines() -> None:
    try:
        raise TypeError("gone")
    except TypeError:
        record = line(exc_info=sys.exc_info())
    assert "TypeError: gone" in json.loads(JsonFormatter().format(record))["exception"]
    first, *below = TextFormatter().format(record).splitlines()
    assert first.endswith("bulkimport.worker.loop done")
    assert below[-1] == "TypeError: gone"
