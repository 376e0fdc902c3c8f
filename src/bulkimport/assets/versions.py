"""The column `_version` of an export, in which a row names the version that its asset had."""

import re
from collections.abc import Sequence

from bulkimport.assets.fields import (
    SCIENTIFIC_NOTATION,
    CheckedColumn,
    ColumnRule,
    FieldError,
    Recurring,
    Rule,
)

VERSION = re.compile("[0-9]{1,10}")
MAX_VERSION = 2**31 - 1


def rule() -> Rule:
    """The rule of a version, which a row need not name."""
    return Recurring(_version, required=False)


class Versioned:
    """The rule of identifiers where some rows name a version, and so an asset that exists.

    What looks like a shortened number is the identifier of that asset, or no asset has it and the row fails.
    """

    def __init__(self, rule: ColumnRule, versions: Sequence[int | None]) -> None:
        self._rule = rule
        self._versions = versions
        self.explain = rule.explain

    def column(self, cells: Sequence[str]) -> CheckedColumn:
        values, codes = self._rule.column(cells)
        return values, {
            place: code
            for place, code in codes.items()
            if code != SCIENTIFIC_NOTATION or self._versions[place] is None
        }


def _version(text: str) -> int:
    if not VERSION.fullmatch(text) or int(text) > MAX_VERSION:
        raise FieldError("invalid_version", "is not the number of a version")
    return int(text)
