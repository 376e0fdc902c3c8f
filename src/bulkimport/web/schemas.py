"""The shapes at the HTTP edge that jobs and assets share, and those of problems."""

from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields, missing, validate

from bulkimport.web.problem_types import PROBLEM_TYPES

T = TypeVar("T")

MAX_PAGE = 100
NO_NUL = validate.ContainsNoneOf("\0", error="holds the character NUL")
PRINTABLE = validate.Predicate("isprintable", error="holds characters that cannot be printed")


class TextField(fields.Field[T]):
    """A value that JSON and query parameters write as text; the description calls it a string."""


class InstantField(TextField[datetime]):
    """A time; the description calls it a string of the format date-time."""


class Instant(InstantField):
    """A time as RFC 3339, section 5.6, writes it: in UTC, with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return shown(value)


class GivenInstant(InstantField):
    """A time as RFC 3339, section 5.6, writes it: with Z or an offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("must be a time like 2024-01-15T08:30:00Z")


def shown(moment: datetime | None) -> str | None:
    """A time as RFC 3339, section 5.6, has it: in UTC, with Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Answered(Schema):
    """The shape of an answer: each of its fields is there each time, though it may be null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Marshmallow's hook."""
        field_obj.required = True

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As marshmallow's, in a fifth of the time: there are no hooks, and what is looked for is known."""
        if self.many if many is None else many:
            return [self.dump(one, many=False) for one in obj]
        get = obj.get if isinstance(obj, dict) else partial(getattr, obj)
        found = {}
        for key, attribute, field in self._shown:
            value = get(attribute, missing)
            if value is missing:
                value = field.dump_default
            if value is not missing or not field._CHECK_ATTRIBUTE:
                found[key] = field._serialize(value, attribute, obj)
        return found

    @cached_property
    def _shown(self) -> list[tuple[str, str, fields.Field[Any]]]:
        """Key, attribute and field of what is shown."""
        return [
            (field.data_key or name, field.attribute or name, field)
            for name, field in self.dump_fields.items()
        ]


class StatusSchema(Answered):
    """The state of a process."""

    status = fields.Constant("ok")


class FaultSchema(Schema):
    """A field that is to blame for a problem."""

    field = fields.String(required=True)
    error = fields.String(required=True)
    code = fields.String()
    value = fields.String()


class ProblemSchema(Schema):
    """A problem (RFC 9457)."""

    type = fields.String(
        required=True, validate=validate.OneOf([f"/problems/{name}" for name in PROBLEM_TYPES])
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FaultSchema))
