"""An asset as JSON says it, checked by the rules that a row of a file must keep."""

from collections.abc import Mapping
from typing import Any

from bulkimport.assets import fields
from bulkimport.assets.fields import FieldError
from bulkimport.assets.rows import MAX_VALUE_CHARS, quoted
from bulkimport.csvfile import dates
from bulkimport.csvfile.header import FIELDS, METADATA_PREFIX
from bulkimport.errors import Refusal
from bulkimport.store.assets import Asset, NewAsset

METADATA = "metadata"
MAX_METADATA_KEYS = 500
MAX_METADATA_KEY_CHARS = 255
WRITABLE = (*FIELDS, METADATA)
READ_ONLY = ("id", "created_at", "updated_at", "import_job_id", "import_row")

Document = Mapping[str, Any]
Faults = list[dict[str, str]]


def asset_of(document: Document) -> NewAsset:
    """The asset that a document describes, whole; Refusal where it breaks rules.

    Fields that only the service sets are passed over, so that what was read can be sent back.
    """
    faults = _unknown_fields(document)
    values: dict[str, Any] = {}
    for field, rule in fields.rules(dates.ISO, partial=False).items():
        try:
            values[field] = rule(_text(field, document.get(field)))
        except FieldError as fault:
            faults.append(_fault(field, fault.code, fault.what, document.get(field)))
    values[METADATA] = _metadata(document.get(METADATA), faults)
    try:
        fields.require_order(values.get("valid_from"), values.get("valid_to"))
    except FieldError as fault:
        faults.append(_fault("valid_to", fault.code, fault.what, document.get("valid_to")))
    if faults:
        raise _invalid(faults)
    return NewAsset(**values)


def patched(asset: Asset, patch: Document) -> NewAsset:
    """The asset after a JSON Merge Patch (RFC 7396, section 2); Refusal where it breaks rules."""
    if faults := _unknown_fields(patch):
        raise _invalid(faults)
    return asset_of(_merge(_document(asset), patch))


def _invalid(faults: Faults) -> Refusal:
    return Refusal("invalid-asset", "Fields of the asset are not valid; see errors.", errors=faults)


def _unknown_fields(document: Document) -> Faults:
    return [
        _fault(name, "unknown_field", "is no field of an asset")
        for name in document
        if name not in WRITABLE and name not in READ_ONLY
    ]


def _merge(target: Document, patch: Document) -> dict[str, Any]:
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            below = merged.get(name)
            merged[name] = _merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _document(asset: Asset) -> dict[str, Any]:
    return {
        "identifier": asset.identifier,
        "name": asset.name,
        "type": asset.type,
        "description": asset.description,
        "valid_from": asset.valid_from.isoformat(),
        "valid_to": asset.valid_to.isoformat() if asset.valid_to else None,
        "is_active": asset.is_active,
        "metadata": asset.metadata,
    }


def _text(field: str, value: object) -> str:
    """What a cell of a file would say; JSON's null is an empty one."""
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


def _metadata(given: object, faults: Faults) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > MAX_METADATA_KEYS:
        what = f"is not an object of at most {MAX_METADATA_KEYS} strings"
        faults.append(_fault(METADATA, "invalid_type", what))
        return {}
    found: dict[str, str] = {}
    for key, value in given.items():
        field = METADATA_PREFIX + key[:MAX_METADATA_KEY_CHARS]
        try:
            if not (0 < len(key) <= MAX_METADATA_KEY_CHARS and key.isprintable()):
                raise FieldError("invalid_key", f"has no key of 1 to {MAX_METADATA_KEY_CHARS} characters")
            text = fields.metadata(_text(field, value))
        except FieldError as fault:
            faults.append(_fault(field, fault.code, fault.what, value))
        else:
            if text:
                found[key] = text
    return found


def _fault(field: str, code: str, what: str, value: object = None) -> dict[str, str]:
    shown = value if isinstance(value, str) else "" if value is None else str(value)
    return {
        "field": field,
        "code": code,
        "error": f"{field} {quoted(shown)} {what}" if shown else f"{field} {what}",
        "value": shown[:MAX_VALUE_CHARS],
    }
