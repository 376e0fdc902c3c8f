"""Header → columns."""

import pytest

from bulkimport.csvfile.header import FIELDS, map_columns
from bulkimport.csvfile.refusal import RefusedFileError


def test_the_columns_of_the_contract() -> None:
    assert map_columns(FIELDS) == FIELDS


def test_any_order_any_case_and_white_space() -> None:
    header = ["IS_ACTIVE", " Valid_From ", "type", "Name", "identifier"]
    assert map_columns(header) == ("is_active", "valid_from", "type", "name", "identifier")


def test_other_columns_are_ignored() -> None:
    assert map_columns([*FIELDS, "Colour", ""]) == (*FIELDS, None, None)


def test_missing_columns_are_named() -> None:
    with pytest.raises(RefusedFileError) as refusal:
        map_columns(["identifier", "Colour"])
    assert refusal.value.code == "missing-columns"
    assert refusal.value.detail == (
        'The header (row 1) lacks "name", "type", "valid_from", "is_active"; it has "identifier", "colour".'
    )


def test_a_column_twice_is_refused() -> None:
    with pytest.raises(RefusedFileError, match='has "name" more than once') as refusal:
        map_columns([*FIELDS, "NAME"])
    assert refusal.value.code == "doubled-columns"


def test_a_header_of_a_thousand_columns_is_not_repeated_whole() -> None:
    with pytest.raises(RefusedFileError) as refusal:
        map_columns(["x" * 1_000] * 1_000)
    assert len(refusal.value.detail) < 2_000
