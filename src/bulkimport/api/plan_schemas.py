"""The schemas of a dry run's plan."""

from typing import Any

from marshmallow import Schema, fields, validate

from bulkimport.store import plans
from bulkimport.web.pagination import NUMBER, CursorField
from bulkimport.web.schemas import MAX_PAGE, AnswerSchema, BooleanParameter, Choice, Enumeration, about

MAX_CHANGES_PAGE = 1000
PLANNED_ACTION = Enumeration(
    "PlannedAction",
    "What an import would do with a row: create an asset, update one, skip the row because an asset has its "
    "identifier, or leave the asset unchanged.",
    plans.ACTIONS,
)
VALUE_TYPES = ["string", "boolean", "null"]


class ChangeSchema(AnswerSchema):
    """How a field would change."""

    from_: fields.Field[Any] = fields.Raw(
        data_key="from",
        attribute="before",
        allow_none=True,
        metadata=about("Its value when the dry run read the asset.", type=VALUE_TYPES),
    )
    to: fields.Field[Any] = fields.Raw(
        attribute="after", allow_none=True, metadata=about("Its value after the import.", type=VALUE_TYPES)
    )


class PlannedRowSchema(AnswerSchema):
    """What an import would do with a row."""

    row = fields.Integer(metadata=about("The row as a spreadsheet numbers it; the header is row 1."))
    identifier = fields.String(
        allow_none=True, metadata=about("The asset's identifier; null if it would be generated.")
    )
    action = Choice(PLANNED_ACTION, metadata=about("What would become of the row."))
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ChangeSchema),
        metadata=about("The fields that an update would change, with a field `metadata.KEY` for each key."),
    )


class PlanPageSchema(AnswerSchema):
    """A page of a plan."""

    changes = fields.List(
        fields.Nested(PlannedRowSchema), metadata=about("The planned rows, in the order of the file.")
    )
    next_cursor = CursorField(
        NUMBER, allow_none=True, metadata=about("Where the next page begins; null on the last one.")
    )


class PlanQuerySchema(Schema):
    """The query parameters of a plan."""

    action = Choice(PLANNED_ACTION, metadata=about("Only rows with this action."))
    format = Choice(
        Enumeration("PlanFormat", "The form of a plan.", ("json", "csv")),
        metadata=about("Pages of JSON, or one CSV file. By default the one that `Accept` prefers, or JSON."),
    )
    limit = fields.Integer(
        load_default=MAX_PAGE,
        validate=validate.Range(min=1, max=MAX_CHANGES_PAGE),
        metadata=about("How many rows a page of JSON has at most."),
    )
    cursor = CursorField(
        NUMBER,
        load_default=lambda: (0,),
        metadata=about("The `next_cursor` of the previous page of JSON. By default the first page."),
    )
    formula_safe = BooleanParameter(
        load_default=False,
        metadata=about(
            "In CSV: whether to put an apostrophe before cells that a spreadsheet would execute (= + - @)."
        ),
    )
