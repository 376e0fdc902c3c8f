"""The options of an upload, as they are checked before the file is read."""

import pytest
from marshmallow import ValidationError

from bulkimport.api.upload_schemas import UploadOptionsSchema
from bulkimport.errors import Refusal
from bulkimport.jobs.options import Options, RequestedOptions


def faults(**options: str) -> dict[str, str]:
    """The texts of what is wrong with the options, by their names."""
    with pytest.raises(ValidationError) as error:
        UploadOptionsSchema().load(options)
    return {name: " ".join(texts) for name, texts in error.value.messages_dict.items()}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("[]", 'must be a JSON object like {"type": "asset", "valid_from": "today"}'),
        ("{", 'must be a JSON object like {"type": "asset", "valid_from": "today"}'),
        ('{"identifier": "A"}', "identifier cannot have a default, since each asset has its own."),
        ('{"colour": "red"}', '"colour" is not a field.'),
        ('{"metadata.": "red"}', '"metadata." is not a field.'),
        ('{"metadata.a\\nb": "red"}', '"metadata.a\nb" is not a field.'),
        ('{"is_active": true}', 'is_active must be a string, like a cell: "true", not true.'),
        ('{"description": " "}', 'description " " must not be empty.'),
        ('{"valid_to": ""}', 'valid_to "" must not be empty.'),
        (
            '{"type": "gadget"}',
            'type "gadget" is not a type (expected one of person, device, asset, inventory, other).',
        ),
        ('{"valid_from": "15.01.2024"}', 'valid_from "15.01.2024" is not a date (expected YYYY-MM-DD).'),
        ('{"name": "a\\u0000"}', 'name "a\0" contains the character NUL.'),
        (
            '{"type": "today", "is_active": "today"}',
            'type "today" is not a type (expected one of person, device, asset, inventory, other).'
            ' is_active "today" is not true or false (expected true/false, 1/0, yes/no, t/f, y/n).',
        ),
    ],
)
def test_a_default_must_be_a_value_of_its_field(value: str, error: str) -> None:
    assert faults(defaults=value) == {"defaults": error}


@pytest.mark.parametrize("value", ["", "  ", "a\0b", "x" * 256], ids=["empty", "blank", "nul", "long"])
def test_a_clear_value_is_a_printable_text(value: str) -> None:
    assert faults(clear_value=value) == {"clear_value": "must have 1 to 255 printable characters"}


def test_options_that_on_conflict_leaves_without_a_meaning_are_refused() -> None:
    requested = RequestedOptions(on_conflict="skip", identifiers="generate", empty="clear", clear_value="-")
    with pytest.raises(Refusal) as refusal:
        requested.in_force(Options(), charset="utf-8", delimiter=",", sheet=None, header_row=1)
    assert [fault["field"] for fault in refusal.value.errors] == ["identifiers", "empty", "clear_value"]
