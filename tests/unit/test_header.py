"""Header → columns, and the delimiter."""

import pytest

from bulkimport.csvfile import header
from bulkimport.csvfile.header import FIELDS, REQUIRED_FIELDS, Columns, IgnoredColumn, find_delimiter
from bulkimport.csvfile.records import Record
from bulkimport.csvfile.refusal import RefusedFileError


def map_columns(names: list[str], mapping: dict[str, str] | None = None) -> Columns:
    return header.map_columns(names, mapping or {}, REQUIRED_FIELDS)


def refusal_of(names: list[str], mapping: dict[str, str] | None = None) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as refusal:
        map_columns(names, mapping)
    return refusal.value


def test_the_columns_of_the_contract() -> None:
    assert map_columns(list(FIELDS)) == FIELDS


@pytest.mark.parametrize("name", ["valid_from", "VALID_FROM", " Valid From ", "valid-from", "Valid - from"])
def test_case_and_separators_do_not_matter(name: str) -> None:
    assert map_columns(["IS_ACTIVE", name, "type", "Name", "identifier"])[1] == "valid_from"


def test_unknown_names_are_mapped_however_they_are_written() -> None:
    names = ["Asset Tag", "Name", "type", "valid_from", "is_active", "Farbe"]
    mapping = {"asset_tag": "identifier", "FARBE": "metadata.colour"}
    assert map_columns(names, mapping) == (
        *("identifier", "name", "type", "valid_from", "is_active"),
        "metadata.colour",
    )


def test_metadata_columns_keep_their_key_as_it_is_written() -> None:
    assert map_columns([*FIELDS, "Metadata.Serial No", "metadata."])[7:] == ("metadata.Serial No", None)


def test_missing_columns_are_named_with_similar_columns() -> None:
    refusal = refusal_of(["identifier", "nmae", "type", "valid_from", "is_active"])
    assert refusal.code == "missing-columns"
    assert refusal.detail == (
        'The header lacks "name"; it has "identifier", "nmae", "type", "valid_from", "is_active". '
        'Is "nmae" meant to be "name"?'
    )


def test_a_mapping_of_a_missing_column_is_refused() -> None:
    refusal = refusal_of(list(FIELDS), {"Tag": "identifier"})
    assert (refusal.code, refusal.detail[:20]) == ("missing-columns", 'columns= maps "Tag";')


@pytest.mark.parametrize("name", ["NAME", "name ", "Colour", "metadata.x"])
def test_a_duplicate_column_is_refused(name: str) -> None:
    refusal = refusal_of([*FIELDS, name, name.lower()])
    assert refusal.code == "doubled-columns"
    assert "more than once" in refusal.detail


def test_a_field_from_two_columns_is_refused() -> None:
    refusal = refusal_of([*FIELDS, "Title"], {"Title": "name"})
    assert (refusal.code, refusal.detail) == ("doubled-columns", 'More than one column is mapped to "name".')


def test_ignored_columns_are_listed_with_similar_fields() -> None:
    names = [
        "identifier",
        "name",
        "type",
        "valid_from",
        "is_active",
        "Discription",
        "colour",
        "",
        "_row",
        "_errors",
        "_job",
    ]
    assert header.ignored_columns(names, map_columns(names)) == [
        IgnoredColumn("Discription", 6, "description"),
        IgnoredColumn("colour", 7, None),
        IgnoredColumn("", 8, None),
    ]


@pytest.mark.parametrize(
    ("cells", "fault", "code"),
    [
        (["identifier", "n\0me"], None, "unreadable-header"),
        (["identifier", "n\udcfcme"], None, "unreadable-header"),
        (["identifier", "x" * 256], None, "unreadable-header"),
        (['identifier,"name'], "unclosed_quote", "unreadable-header"),
        (["x"] * 501, None, "too-many-columns"),
    ],
)
def test_a_header_that_cannot_be_names_is_refused(cells: list[str], fault: str | None, code: str) -> None:
    with pytest.raises(RefusedFileError) as refusal:
        header.require_readable(Record(1, 1, cells, fault))
    assert refusal.value.code == code
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_from_the_known_names(delimiter: str) -> None:
    assert find_delimiter(delimiter.join(FIELDS), {}) == delimiter
    assert find_delimiter(delimiter.join(f'"{field}"' for field in FIELDS), {}) == delimiter
    assert find_delimiter(f"Tag{delimiter}Label", {"Tag": "identifier"}) == delimiter


def test_an_ambiguous_delimiter_is_refused() -> None:
    with pytest.raises(RefusedFileError) as refusal:
        find_delimiter("identifier,name;type", {})
    assert refusal.value.code == "ambiguous-delimiter"
    assert "comma or by semicolon" in refusal.value.detail


def test_one_column_needs_no_delimiter() -> None:
    assert find_delimiter("identifier", {}) == ","


def test_a_header_of_a_thousand_columns_is_quoted_only_in_part() -> None:
    assert len(refusal_of(["x" * 200 + str(number) for number in range(400)]).detail) < 2_000
