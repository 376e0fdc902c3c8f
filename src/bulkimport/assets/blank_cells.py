"""What a cell without a value stands for: a default, a generated identifier, or a value to be cleared."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkimport.assets import fields
from bulkimport.assets.fields import METADATA, CheckedColumn, ColumnRule, FieldError
from bulkimport.csvfile.header import METADATA_PREFIX, REQUIRED_FIELDS
from bulkimport.store.asset_columns import CLEARED

REQUIRED = "required"


@dataclass(frozen=True)
class BlankCells:
    """What a file's rows mean by cells without a value.

    `defaults` has the values of empty cells and absent columns, by fields and `metadata.KEY`. A cell clears a
    value if it is `clear_value`, or if it is empty and `clear_empty` says so: it has no default.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    generate_identifiers: bool = False
    clear_empty: bool = False
    clear_value: str | None = None

    @property
    def optional(self) -> Collection[str]:
        """The fields that no row needs."""
        return {*self.defaults, *(("identifier",) if self.generate_identifiers else ())}

    @property
    def metadata(self) -> list[str]:
        """Each `metadata.KEY` that has a default."""
        return [name for name in self.defaults if name.startswith(METADATA_PREFIX)]

    def rule(self, name: str, rule: ColumnRule, *, has_column: bool) -> ColumnRule:
        """The rule of a field or of `metadata.KEY` for these blank cells. Absent columns never clear."""
        if name in self.defaults:
            rule = Filling(rule, self.defaults[name])
        if has_column and (self.clear_empty or self.clear_value is not None):
            rule = Clearing(rule, self, required=name in REQUIRED_FIELDS)
        return rule

    def clears(self, cell: str) -> bool:
        """Whether the cell clears a value."""
        text = cell.strip()
        return text == self.clear_value if text else self.clear_empty


class Filling:
    """A rule by which an empty cell has a default."""

    def __init__(self, rule: ColumnRule, default: Any) -> None:
        self._rule = rule
        self._default = default
        self.explain = rule.explain

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        values, codes = self._rule.column(cells)
        if None not in values:
            return values, codes
        return [
            self._default if value is None and place not in codes else value
            for place, value in enumerate(values)
        ], codes


class Clearing:
    """A rule by which cells may clear the value; for a required field that is an error."""

    def __init__(self, rule: ColumnRule, blank_cells: BlankCells, *, required: bool) -> None:
        self._rule = rule
        self._clears = blank_cells.clears
        self._required = required

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        clearing = set(filter(self._clears, set(cells)))
        if not clearing:
            return self._rule.column(cells)
        values, codes = self._rule.column(["" if cell in clearing else cell for cell in cells])
        if self._required:
            cleared = {place: REQUIRED for place, cell in enumerate(cells) if cell in clearing}
            return values, {**codes, **cleared}
        pairs = zip(cells, values, strict=True)
        return [CLEARED if cell in clearing else value for cell, value in pairs], codes

    def explain(self, cell: str, code: str) -> str:
        if self._clears(cell):
            return "is required, so it cannot be cleared"
        return self._rule.explain(cell, code)


def default_value(name: str, text: str) -> Any:
    """The value of a default for a field or `metadata.KEY`; its dates are in ISO 8601. Raises FieldError."""
    if not text.strip():
        raise FieldError(REQUIRED, "must not be empty")
    rule = fields.rules(fields.ISO_DATES).get(name) or fields.metadata_rule()
    return rule(text)


def in_columns(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults by the columns of assets: those of `metadata.KEY` in one mapping under METADATA."""
    metadata = {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in defaults.items()
        if name.startswith(METADATA_PREFIX)
    }
    return {
        **{name: value for name, value in defaults.items() if not name.startswith(METADATA_PREFIX)},
        METADATA: metadata,
    }
