"""The first record names the columns: header → the asset's field for each of them."""

from collections.abc import Sequence

from bulkimport.csvfile.refusal import RefusedFileError

FIELDS = ("identifier", "name", "type", "description", "valid_from", "valid_to", "is_active")
OPTIONAL_FIELDS = ("description", "valid_to")

# The asset's field for each column of the file, in the file's order; None for a column that is ignored.
Columns = tuple[str | None, ...]


def map_columns(header: Sequence[str]) -> Columns:
    """Columns in any order and any case; RefusedFileError where one is missing or doubled."""
    names = [name.strip().lower() for name in header]
    columns = tuple(name if name in FIELDS else None for name in names)
    missing = [field for field in FIELDS if field not in columns and field not in OPTIONAL_FIELDS]
    if missing:
        raise RefusedFileError(
            "missing-columns",
            f"The header (row 1) lacks {_listed(missing)}; it has {_listed(names)}.",
        )
    doubled = [field for field in FIELDS if columns.count(field) > 1]
    if doubled:
        raise RefusedFileError(
            "doubled-columns", f"The header (row 1) has {_listed(doubled)} more than once."
        )
    return columns


def _listed(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(f'"{name[:50]}"' for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
