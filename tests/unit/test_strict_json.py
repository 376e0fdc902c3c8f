"""Bytes → one JSON object that can be read in one way, or ValueError."""

import pytest

from bulkimport.auth import strict_json


def test_an_object_is_read() -> None:
    assert strict_json.parse('{"a": [1, {"b": "ü"}], "c": null}'.encode()) == {
        "a": [1, {"b": "ü"}],
        "c": None,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"a"',
        b'{"a": 1',
        b'{"a": 1} x',
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\x00"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own and ours
        strict_json.parse(data)
