"""Assets as JSON documents, checked by the same rules as the rows of a file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bulkimport.assets import fields
from bulkimport.assets.fields import METADATA, FieldError
from bulkimport.assets.row_errors import MAX_VALUE_CHARS, quoted
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX
from bulkimport.errors import Refusal
from bulkimport.store.asset_columns import NewAsset

MAX_METADATA_KEYS = 500
MAX_METADATA_KEY_CHARS = 255
METADATA_RULE = fields.metadata_rule()
WRITABLE = (*FIELDS, METADATA)
READ_ONLY = ("id", "created_at", "updated_at", "import_job_id", "import_row")

Document = Mapping[str, Any]
Faults = list[dict[str, str]]


def asset_of(document: Document) -> NewAsset:
    """The asset that a complete document describes; Refusal if it breaks rules.

    Fields that only the service sets are ignored, so that an asset can be sent back as it was read.
    """
    faults = _unknown_fields(document)
    values: dict[str, Any] = {}
    for field, rule in fields.rules(fields.ISO_DATES).items():
        try:
            values[field] = rule(_text(field, document.get(field)))
        except FieldError as fault:
            faults.append(_fault(field, fault.code, fault.reason, document.get(field)))
    values[METADATA] = _metadata(document.get(METADATA), faults)
    try:
        fields.require_order(values.get("valid_from"), values.get("valid_to"))
    except FieldError as fault:
        faults.append(_fault("valid_to", fault.code, fault.reason, document.get("valid_to")))
    if faults:
        raise _invalid(faults)
    return NewAsset(**values)


def patched(asset: NewAsset, patch: Document) -> NewAsset:
    """The asset after a JSON Merge Patch (RFC 7396, section 2); Refusal if it breaks rules."""
    if faults := _unknown_fields(patch):
        raise _invalid(faults)
    return asset_of(_merge(_document(asset), patch))


def _invalid(faults: Faults) -> Refusal:
    return Refusal("invalid-asset", "Fields of the asset are not valid; see errors.", errors=faults)


def _unknown_fields(document: Document) -> Faults:
    return [
        _fault(name, "unknown_field", "is not a field of an asset")
        for name in document
        if name not in WRITABLE and name not in READ_ONLY
    ]


def _merge(target: Document, patch: Document) -> dict[str, Any]:
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            old = merged.get(name)
            merged[name] = _merge(old if isinstance(old, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _document(asset: NewAsset) -> dict[str, Any]:
    values = {name: getattr(asset, name) for name in WRITABLE}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _text(field: str, value: object) -> str:
    """The value as the text of a cell; null is an empty cell."""
    if value is None:
        return ""
    if field == "is_active":
        if not isinstance(value, bool):
            raise FieldError("invalid_boolean", "is not true or false")
        return "true" if value else "false"
    if not isinstance(value, str):
        raise FieldError("invalid_type", "is not a string")
    fields.require_storable(value)
    return value


def _metadata(document: object, faults: Faults) -> dict[str, str]:
    if document is None:
        return {}
    if not isinstance(document, dict) or len(document) > MAX_METADATA_KEYS:
        reason = f"is not an object of at most {MAX_METADATA_KEYS} strings"
        faults.append(_fault(METADATA, "invalid_type", reason))
        return {}
    metadata: dict[str, str] = {}
    for key, value in document.items():
        field = METADATA_PREFIX + key[:MAX_METADATA_KEY_CHARS]
        try:
            if not (0 < len(key) <= MAX_METADATA_KEY_CHARS and key.isprintable()):
                raise FieldError(
                    "invalid_key", f"needs a key of 1 to {MAX_METADATA_KEY_CHARS} printable characters"
                )
            text = METADATA_RULE(_text(field, value))
        except FieldError as fault:
            faults.append(_fault(field, fault.code, fault.reason, value))
        else:
            if text:
                metadata[key] = text
    return metadata


def _fault(field: str, code: str, reason: str, value: object = None) -> dict[str, str]:
    shown = value if isinstance(value, str) else "" if value is None else str(value)
    return {
        "field": field,
        "code": code,
        "message": f"{field} {quoted(shown)} {reason}" if shown else f"{field} {reason}",
        "value": shown[:MAX_VALUE_CHARS],
    }
