"""The schemas of row errors: within a job, and in pages of their own."""

from marshmallow import Schema, fields, validate

from bulkimport.api.upload_schemas import TemplateQuerySchema
from bulkimport.web.pagination import NUMBER, CursorField
from bulkimport.web.schemas import MAX_PAGE, AnswerSchema, BooleanParameter, Choice, Enumeration, about

MAX_ERRORS_PAGE = 1000
UNSPECIFIED = "unspecified"
ROW_ERROR_CODES = (
    *("required", "too_long", "unknown_type", "invalid_date", "valid_to_before_valid_from"),
    *("invalid_boolean", "duplicate_in_file", "already_exists", "invalid_character", "invalid_encoding"),
    *("wrong_cell_count", "unclosed_quote", "misplaced_quote", "cell_too_long", "changed_since"),
    *(
        "invalid_version",
        "record_too_long",
        "scientific_notation",
        "number_rounded",
        "date_in_text_column",
        "spreadsheet_error",
    ),
    UNSPECIFIED,
)
ROW_ERROR_CODE = Enumeration(
    "RowErrorCode", "What is wrong with a row. Further codes may be added.", ROW_ERROR_CODES
)


class RowErrorSchema(AnswerSchema):
    """An error in a row."""

    row = fields.Integer(metadata=about("The row as a spreadsheet numbers it; the header is row 1."))
    line = fields.Integer(
        dump_default=0,
        metadata=about("The line of the file on which the row begins; 0 if the job has no file.", minimum=0),
    )
    field = fields.String(allow_none=True, metadata=about("The field at fault; null if the whole row is."))
    code = Choice(
        ROW_ERROR_CODE, dump_default=UNSPECIFIED, metadata=about("The kind of error, for programs.")
    )
    message = fields.String(metadata=about("What is wrong, with the value, for people."))
    value = fields.String(
        allow_none=True,
        dump_default=None,
        metadata=about("The value, cut at 200 characters; null if there is none."),
    )


class JobRowErrorSchema(RowErrorSchema):
    """An error in a row, within its job."""

    error = fields.String(metadata=about("The same as `message`."))


class SummaryEntrySchema(AnswerSchema):
    """How often an error occurred in a field, and the first rows in which it did."""

    code = Choice(ROW_ERROR_CODE, metadata=about("The kind of error."))
    field = fields.String(allow_none=True, metadata=about("The field at fault; null if whole rows are."))
    count = fields.Integer(metadata=about("How many rows have the error.", minimum=1))
    first_rows = fields.List(
        fields.Integer(), metadata=about("The first five of these rows, as a spreadsheet numbers them.")
    )


class ErrorPageSchema(AnswerSchema):
    """A page of row errors."""

    errors = fields.List(
        fields.Nested(RowErrorSchema), metadata=about("The errors, in the order of the rows.")
    )
    next_cursor = CursorField(
        NUMBER, NUMBER, allow_none=True, metadata=about("Where the next page begins; null on the last one.")
    )


class ErrorQuerySchema(Schema):
    """The query parameters of a list of row errors."""

    format = Choice(
        Enumeration("ErrorFormat", "The form of a list of row errors.", ("json", "csv")),
        metadata=about("Pages of JSON, or one CSV file. By default the one that `Accept` prefers, or JSON."),
    )
    limit = fields.Integer(
        load_default=MAX_PAGE,
        validate=validate.Range(min=1, max=MAX_ERRORS_PAGE),
        metadata=about("How many errors a page of JSON has at most."),
    )
    cursor = CursorField(
        NUMBER,
        NUMBER,
        load_default=lambda: (0, 0),
        metadata=about("The `next_cursor` of the previous page of JSON. By default the first page."),
    )
    formula_safe = BooleanParameter(
        load_default=False,
        metadata=about(
            "In CSV: whether to put an apostrophe before cells that a spreadsheet would execute (= + - @)."
        ),
    )


class FailedRowsQuerySchema(TemplateQuerySchema):
    """The query parameters of a file of failed rows."""

    formula_safe = BooleanParameter(
        load_default=False,
        metadata=about(
            "Whether to put an apostrophe before cells that a spreadsheet would execute (= + - @), which "
            "changes the data."
        ),
    )
