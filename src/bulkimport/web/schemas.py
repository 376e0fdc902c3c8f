"""The fields and schemas that jobs and assets share, and the schema of a problem."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from marshmallow import EXCLUDE, Schema, ValidationError, fields, missing, validate

from bulkimport.web.problem_types import PROBLEM_TYPES

T = TypeVar("T")

MAX_PAGE = 100
NO_NUL = validate.ContainsNoneOf("\0", error="contains the character NUL")
PRINTABLE = validate.Predicate("isprintable", error="contains characters that cannot be printed")


def about(description: str, **keywords: Any) -> dict[str, Any]:
    """The metadata of a field: what OpenAPI says of it, and further keywords of JSON Schema."""
    return {"description": description, **keywords}


@dataclass(frozen=True)
class Enumeration:
    """A closed list of texts; in OpenAPI a component, which generators turn into a type of this name.

    `member_names` replaces texts from which generators make unreadable names of members.
    """

    name: str
    description: str
    texts: Iterable[str]
    member_names: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Choice(fields.String):
    """A text of an enumeration."""

    def __init__(self, enumeration: Enumeration, **kwargs: Any) -> None:
        super().__init__(validate=validate.OneOf(list(enumeration.texts)), **kwargs)
        self.enumeration = enumeration


class TextField(fields.Field[T]):
    """A value written as text, in JSON and in query parameters; in OpenAPI a string."""


class InstantField(TextField[datetime]):
    """A time; in OpenAPI a string of the format date-time."""


class Instant(InstantField):
    """A time in an answer: RFC 3339, section 5.6, in UTC with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return rfc3339(value)


class InstantParameter(InstantField):
    """A time in a query parameter: RFC 3339, section 5.6, with Z or an offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("must be a time like 2024-01-15T08:30:00Z")


class BooleanParameter(fields.Boolean):
    """A boolean in a query parameter or a form field: true or false, in any case."""

    default_error_messages = {"invalid": "expected true or false"}  # noqa: RUF012 - as marshmallow declares it

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        return super()._deserialize(value.lower(), attr, data, **kwargs)


def rfc3339(instant: datetime | None) -> str | None:
    """The time in UTC with Z and microseconds (RFC 3339, section 5.6); None for None."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class AnswerSchema(Schema):
    """The schema of an answer: every field is always present, though it may be null; more may be added."""

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Marshmallow's hook: OpenAPI lists the field as required."""
        field_obj.required = True
        # It would become readOnly, which generators take for "may be absent".
        field_obj.dump_only = False

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As marshmallow's own, without its hooks and without a search for each attribute."""
        # Worth the private methods: a page of 100 assets takes 3.6 ms of CPU in all, and 5.1 ms with
        # marshmallow's own dump.
        if self.many if many is None else many:
            return [self.dump(one, many=False) for one in obj]
        get = obj.get if isinstance(obj, dict) else partial(getattr, obj)
        document = {}
        for key, attribute, field in self._fields_by_key:
            value = get(attribute, missing)
            if value is missing:
                value = field.dump_default
            if value is not missing or not field._CHECK_ATTRIBUTE:
                document[key] = field._serialize(value, attribute, obj)
        return document

    @cached_property
    def _fields_by_key(self) -> list[tuple[str, str, fields.Field[Any]]]:
        """The JSON key, the attribute and the field of each value."""
        return [
            (field.data_key or name, field.attribute or name, field)
            for name, field in self.dump_fields.items()
        ]


PROBLEM_CODE = Enumeration(
    "ProblemCode", "The kind of a problem. Further ones may be added.", tuple(PROBLEM_TYPES)
)
FIELD_ERROR_CODE = Enumeration(
    "FieldErrorCode",
    "What is wrong with a field of an asset. Further codes may be added.",
    (
        *("required", "too_long", "unknown_type", "invalid_date", "valid_to_before_valid_from"),
        *("invalid_boolean", "invalid_character", "invalid_encoding", "invalid_type", "invalid_key"),
        "unknown_field",
    ),
)


class StatusSchema(AnswerSchema):
    """The state of a process."""

    status = Choice(
        Enumeration("ProcessStatus", "The state of a process that answers.", ("ok",)),
        dump_default="ok",
        metadata=about("Always ok."),
    )


class FieldErrorSchema(Schema):
    """A field at fault, and what is wrong with it."""

    class Meta:
        unknown = EXCLUDE

    field = fields.String(required=True, metadata=about("The parameter or field at fault."))
    message = fields.String(required=True, metadata=about("What is wrong with it, for people."))
    code = Choice(FIELD_ERROR_CODE, metadata=about("The kind of error. Only for fields of an asset."))
    value = fields.String(
        metadata=about("The value, cut at 200 characters; empty for null. Only for fields of an asset.")
    )


class ProblemSchema(Schema):
    """A problem (RFC 9457)."""

    class Meta:
        unknown = EXCLUDE

    type = fields.String(
        required=True,
        metadata=about(
            "`/problems/` and the `code`: the URL of a page that says what to do.", format="uri-reference"
        ),
    )
    code = Choice(PROBLEM_CODE, required=True, metadata=about("The kind of problem, for programs."))
    title = fields.String(
        required=True, metadata=about("A summary, the same for every problem of this type.")
    )
    status = fields.Integer(required=True, metadata=about("The HTTP status.", minimum=400, maximum=599))
    detail = fields.String(required=True, metadata=about("What is wrong with this request."))
    instance = fields.String(required=True, metadata=about("The path of the request, decoded."))
    request_id = fields.String(
        required=True, metadata=about("The request's X-Request-ID, under which the service has logged it.")
    )
    errors = fields.List(
        fields.Nested(FieldErrorSchema),
        metadata=about("The parameters or fields at fault; absent if there are none."),
    )
