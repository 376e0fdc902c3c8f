"""Header → columns, and the delimiter."""

import pytest

from bulkimport.csvfile import header
from bulkimport.csvfile.header import (
    FIELDS,
    REQUIRED_FIELDS,
    VERSION,
    Columns,
    IgnoredColumn,
    find_delimiter,
)
from bulkimport.csvfile.records import Record, lenient_cells
from bulkimport.errors import Refusal


def map_columns(names: list[str], mapping: dict[str, str] | None = None) -> Columns:
    return header.map_columns(names, mapping or {}, REQUIRED_FIELDS)


def delimiter_of(line: str, mapping: dict[str, str] | None = None) -> str:
    cells = {delimiter: lenient_cells(line, delimiter) for delimiter in header.DELIMITERS.values()}
    return find_delimiter(cells, mapping or {})


def refusal_of(names: list[str], mapping: dict[str, str] | None = None) -> Refusal:
    with pytest.raises(Refusal) as refusal:
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
    assert map_columns([*FIELDS, "Metadata.Serial No", "metadata."])[-2:] == ("metadata.Serial No", None)


def test_missing_columns_are_named_with_similar_columns() -> None:
    refusal = refusal_of(["identifier", "nmae", "type", "valid_from", "is_active"])
    assert refusal.code == "missing-columns"
    assert refusal.detail == (
        'The header lacks "name"; it has "identifier", "nmae", "type", "valid_from", "is_active". '
        'Is "nmae" meant to be "name"? Map other columns with columns=, or set a value for every row with '
        "defaults=."
    )


@pytest.mark.parametrize(
    ("names", "similar"),
    [
        (["Device name", "naame"], [None, "name"]),
        (["name of the device", "Typ", "typ"], ["name", "type", None]),
        (["surname", "is active?", "Valid-To (UTC)"], [None, "is_active", "valid_to"]),
        (["descriptions", "discription"], ["description", None]),
        (["Colour", "", "_row"], [None, None]),
    ],
)
def test_a_field_is_proposed_for_the_most_similar_name_alone(
    names: list[str], similar: list[str | None]
) -> None:
    ignored = header.ignored_columns(names, (None,) * len(names))
    assert [column.did_you_mean for column in ignored] == similar


def test_everything_that_is_wrong_with_a_header_is_known_at_once() -> None:
    refusals = header.refusals(["name", "NAME", "x"], {"Tag": "identifier"}, REQUIRED_FIELDS)
    assert [refusal.code for refusal in refusals] == [
        "missing-columns",
        "duplicate-columns",
        "missing-columns",
    ]


def test_a_mapping_of_a_missing_column_is_refused() -> None:
    refusal = refusal_of(list(FIELDS), {"Tag": "identifier"})
    assert (refusal.code, refusal.detail[:20]) == ("missing-columns", 'columns= maps "Tag";')


@pytest.mark.parametrize("name", ["NAME", "Name ", "Metadata.X", "Valid\r\nFrom"])
def test_equal_columns_that_are_imported_are_refused_as_they_are_written(name: str) -> None:
    refusal = refusal_of([*FIELDS, name, name.lower()])
    assert refusal.code == "duplicate-columns"
    assert f'"{" ".join(name.split())}"' in refusal.detail


def test_equal_columns_that_are_ignored_are_not() -> None:
    assert map_columns([*FIELDS, "Colour", "colour", "", ""]) == (*FIELDS, *[None] * 4)


def test_equal_columns_of_which_one_is_mapped_are_refused() -> None:
    refusal = refusal_of([*FIELDS[1:], "Tag", "tag"], {"TAG": "identifier"})
    assert (refusal.code, '"Tag", "tag"' in refusal.detail) == ("duplicate-columns", True)


@pytest.mark.parametrize(
    ("alias", "field"),
    [
        *(("Asset ID", "identifier"), ("asset-tag", "identifier"), ("external_key", "identifier")),
        *(("Asset Name", "name"), ("ACTIVE", "is_active")),
    ],
)
def test_an_alias_stands_for_its_field_unless_columns_decides(alias: str, field: str) -> None:
    names = [alias if name == field else name for name in FIELDS]
    assert map_columns(names) == FIELDS
    both = [*FIELDS, alias]
    assert refusal_of(both).code == "duplicate-columns"
    assert f'"{field}", "{alias}"' in refusal_of(both).detail
    assert map_columns(both, {field: field}) == (*FIELDS, None)
    assert map_columns(both, {alias: "metadata.old"}) == (*FIELDS, "metadata.old")


def test_two_aliases_of_one_field_are_refused() -> None:
    names = ["Asset ID", "Asset Tag", *FIELDS[1:]]
    assert refusal_of(names).code == "duplicate-columns"
    assert map_columns(names, {"Asset Tag": "identifier"}) == (None, *FIELDS)


def test_a_line_break_in_a_header_is_a_space() -> None:
    names = ["Valid\nFrom" if name == "valid_from" else name for name in FIELDS]
    assert map_columns([*names, "metadata.Serial\r\nNo"]) == (*FIELDS, "metadata.Serial No")


def test_a_better_header_below_is_named() -> None:
    below = [(2, [""]), (3, ["identifier", "name"]), (4, [*FIELDS]), (5, [*FIELDS])]
    for mapping in ({}, {"Tag": "metadata.tag"}):
        rows = [(row, [*cells, *mapping]) for row, cells in below]
        with pytest.raises(Refusal) as refusal:
            header.map_columns(["Report"], mapping, REQUIRED_FIELDS, below=rows)
        assert refusal.value.code == "missing-columns"
        assert refusal.value.detail.endswith("But row 4 looks like the header: header_row=4.")


def test_a_field_from_two_columns_is_refused() -> None:
    refusal = refusal_of([*FIELDS, "Title"], {"Title": "name"})
    assert refusal.code == "duplicate-columns"
    assert 'stands for "name": "name", "Title".' in refusal.detail


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
        (["identifier", " " + "x" * 256], None, "unreadable-header"),
        (['identifier,"name'], "unclosed_quote", "unreadable-header"),
        (["x"] * 501, None, "too-many-columns"),
    ],
)
def test_a_header_that_cannot_be_names_is_refused(cells: list[str], fault: str | None, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        header.require_readable(Record(1, 1, cells, fault))
    assert refusal.value.code == code
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize("name", ["_version", "_VERSION", " _Version ", "-version"])
def test_a_version_is_honoured_however_its_column_is_written(name: str) -> None:
    assert header.map_columns(["identifier", name], {}, ["identifier"]) == ("identifier", VERSION)


def test_white_space_around_a_name_does_not_count() -> None:
    names = ["identifier", " " * 200 + "x" * 255 + "\n"]
    assert header.require_readable(Record(1, 1, names, None)) == names


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_from_the_known_names(delimiter: str) -> None:
    assert delimiter_of(delimiter.join(FIELDS)) == delimiter
    assert delimiter_of(delimiter.join(f'"{field}"' for field in FIELDS)) == delimiter
    assert delimiter_of(f"Tag{delimiter}Label", {"Tag": "identifier"}) == delimiter


def test_an_ambiguous_delimiter_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        delimiter_of("identifier,name;type")
    assert refusal.value.code == "ambiguous-delimiter"
    assert "comma or by semicolon" in refusal.value.detail


def test_one_column_needs_no_delimiter() -> None:
    assert delimiter_of("identifier") == ","


def test_a_header_of_a_thousand_columns_is_quoted_only_in_part() -> None:
    assert len(refusal_of(["x" * 200 + str(number) for number in range(400)]).detail) < 2_000
