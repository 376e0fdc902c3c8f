"""Texts that tests adapt, such as the files in deploy/ and the blocks of docs/operations.md."""

from collections.abc import Mapping


def edited(text: str, edits: Mapping[str, str]) -> str:
    """The text with each key replaced by its value; every key must be in it exactly once."""
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
