"""Previews of files over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, json
from marshmallow import EXCLUDE, Schema, fields

from bulkimport.api.new_job import limits
from bulkimport.api.row_error_schemas import RowErrorSchema
from bulkimport.api.upload_schemas import (
    DATE_FORMAT,
    EMPTY_CHOICE,
    IDENTIFIERS_CHOICE,
    ON_CONFLICT_CHOICE,
    ON_ERROR_CHOICE,
    DateFormatsSchema,
    UploadOptionsSchema,
)
from bulkimport.api.uploads import BODY, REQUEST_PROBLEMS, received_upload
from bulkimport.csvfile import encoding
from bulkimport.csvfile.header import ALIAS, EXACT, MAPPED, NONE, SIMILAR
from bulkimport.csvfile.heading import MAX_HEADER_ROW
from bulkimport.jobs import preview as previews
from bulkimport.jobs.preview import AMBIGUOUS, HEADER
from bulkimport.web import access, problems
from bulkimport.web.operations import Success, operation
from bulkimport.web.problems import Problem
from bulkimport.web.schemas import (
    PROBLEM_CODE,
    AnswerSchema,
    Choice,
    Enumeration,
    FieldErrorSchema,
    about,
    rfc3339,
)

KNOWN_BY = Enumeration(
    "KnownBy",
    "How it is known by what a file is read: an option or the file's content type declares it, or a first "
    "line `sep=`; the byte order mark or the header shows it; it is the default; or it is ambiguous.",
    (encoding.DECLARED, encoding.BYTE_ORDER_MARK, HEADER, encoding.DEFAULT, AMBIGUOUS),
)
MAPPED_BY = Enumeration(
    "MappedBy",
    "How the field of a column is decided: by its exact name, by an alias, or by a mapping; or it is not: "
    "the name is similar to that of a field, or to none.",
    (EXACT, ALIAS, MAPPED, SIMILAR, NONE),
)
VALUE = [{"type": "string"}, {"type": "boolean"}, {"type": "null"}]

blueprint = Blueprint("previews", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


class KnownSchema(AnswerSchema):
    """What a file is read by, and how that is known."""

    value = fields.String(allow_none=True, metadata=about("The value; null if it is not known."))
    how = Choice(KNOWN_BY, metadata=about("How it is known."))


class SheetSchema(AnswerSchema):
    """A sheet of a workbook."""

    name = fields.String(metadata=about("Its name."))
    is_visible = fields.Boolean(metadata=about("Whether its tab is visible."))
    has_content = fields.Boolean(metadata=about("Whether any of its cells has content."))


class PreviewedColumnSchema(AnswerSchema):
    """A column of the file."""

    column = fields.String(metadata=about("Its name in the header."))
    position = fields.Integer(metadata=about("Its place in the file, from 1.", minimum=1))
    field = fields.String(
        allow_none=True,
        metadata=about("The field that it fills, or a proposal if `how` is `similar`; else null."),
    )
    how = Choice(MAPPED_BY, metadata=about("How the field is decided."))
    samples = fields.List(
        fields.String(),
        metadata=about("Up to five different cells that are not empty, each cut at 200 characters."),
    )


class FittingDateFormatsSchema(AnswerSchema):
    """The formats that the dates of a column fit."""

    column = fields.String(metadata=about("The column's name in the header."))
    field = fields.String(metadata=about("The field that it fills."))
    formats = fields.List(
        Choice(DATE_FORMAT),
        metadata=about("The formats that every date read fits."),
    )


class CellValue(fields.Raw):
    """The value of a cell: a text, a boolean, a time or null."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return rfc3339(value) if isinstance(value, datetime) else value


class PreviewedRowSchema(AnswerSchema):
    """A row as it would be read."""

    row = fields.Integer(metadata=about("The row as a spreadsheet numbers it; the header is row 1."))
    values = fields.Dict(
        keys=fields.String(),
        values=CellValue(metadata={"anyOf": VALUE}),
        metadata=about("The values by fields and `metadata.KEY`; of a cell with an error its text."),
    )
    errors = fields.List(
        fields.Nested(RowErrorSchema),
        metadata=about("Its errors, as far as the file alone decides them."),
    )


class PreviewOptionsSchema(Schema):
    """The options of an upload that would read the file in the same way; objects are sent as JSON."""

    class Meta:
        unknown = EXCLUDE

    charset = fields.String(metadata=about("The file's encoding; absent for a workbook."))
    delimiter = fields.String(metadata=about("What separates cells; absent for a workbook."))
    sheet = fields.String(metadata=about("The name of the sheet; only for a workbook."))
    header_row = fields.Integer(
        metadata=about(
            "The header's row in the spreadsheet; absent if it is not one of the first 20, since an upload "
            "then finds it by itself.",
            minimum=1,
            maximum=MAX_HEADER_ROW,
        )
    )
    columns = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(),
        metadata=about("Which field each of these columns is mapped to; the others are mapped by name."),
    )
    date_format = fields.Nested(
        DateFormatsSchema, required=True, metadata=about("How the dates of each column are written.")
    )
    accept_numbers = fields.Boolean(
        required=True,
        metadata=about("Whether identifiers and metadata may look like numbers that a spreadsheet damaged."),
    )
    dry_run = fields.Boolean(required=True, metadata=about("Whether the file is only checked."))
    on_conflict = Choice(
        ON_CONFLICT_CHOICE,
        required=True,
        metadata=about("What happens to a row whose identifier an asset already has."),
    )
    on_error = Choice(ON_ERROR_CHOICE, required=True, metadata=about("What a failed row does to the others."))
    defaults = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(),
        metadata=about("The values of absent columns and empty cells."),
    )
    identifiers = Choice(IDENTIFIERS_CHOICE, required=True, metadata=about("Where identifiers come from."))
    empty = Choice(
        EMPTY_CHOICE,
        required=True,
        metadata=about("What an empty cell does to an asset that is updated."),
    )
    clear_value = fields.String(
        metadata=about("The text of a cell that removes a value; absent if no text does.")
    )
    parent_job_id = fields.UUID(metadata=about("The parent; absent if the request does not name it."))


class ListedProblemSchema(AnswerSchema):
    """A problem with which an upload would be refused."""

    type = fields.String(
        metadata=about(
            "`/problems/` and the `code`: the URL of a page that says what to do.", format="uri-reference"
        )
    )
    code = Choice(PROBLEM_CODE, metadata=about("The kind of problem, for programs."))
    title = fields.String(metadata=about("A summary, the same for every problem of this type."))
    status = fields.Integer(metadata=about("The HTTP status.", minimum=400, maximum=599))
    detail = fields.String(metadata=about("What is wrong with this file."))
    errors = fields.List(
        fields.Nested(FieldErrorSchema), metadata=about("The parameters at fault, if there are any.")
    )


class PreviewSchema(AnswerSchema):
    """How an upload would read a file."""

    charset = fields.Nested(
        KnownSchema,
        allow_none=True,
        metadata=about("The encoding; null for a workbook, or a file that is not CSV."),
    )
    delimiter = fields.Nested(
        KnownSchema,
        allow_none=True,
        metadata=about("What separates cells; null for a workbook, or if the header cannot be read."),
    )
    sheets = fields.List(
        fields.Nested(SheetSchema),
        allow_none=True,
        metadata=about("The sheets of a workbook in the order of their tabs; null for any other file."),
    )
    sheet = fields.String(
        allow_none=True,
        metadata=about("The name of the sheet that is read; null if there is none, or it must be chosen."),
    )
    header_row = fields.Integer(
        allow_none=True,
        metadata=about("The header's row in the spreadsheet; null if it cannot be read.", minimum=1),
    )
    columns = fields.List(
        fields.Nested(PreviewedColumnSchema), metadata=about("The columns in the order of the file.")
    )
    missing_fields = fields.List(fields.String(), metadata=about("The required fields that no column fills."))
    date_formats = fields.List(
        fields.Nested(FittingDateFormatsSchema), metadata=about("The formats of each column with dates.")
    )
    rows = fields.List(fields.Nested(PreviewedRowSchema), metadata=about("The first 20 rows."))
    rows_read = fields.Integer(
        metadata=about("How many rows were read.", minimum=0, maximum=previews.MAX_ROWS)
    )
    is_complete = fields.Boolean(metadata=about("Whether these are all rows of the file."))
    options = fields.Nested(
        PreviewOptionsSchema,
        allow_none=True,
        metadata=about("The options in force; null if the header cannot be read."),
    )
    mapping_from = fields.UUID(
        allow_none=True,
        metadata=about(
            "The job whose mapping and options `columns=remembered` took; null if that was not requested."
        ),
    )
    remembered_job_id = fields.UUID(
        allow_none=True,
        metadata=about(
            "The job whose mapping and options `columns=remembered` would take; null if there is none."
        ),
    )
    problems = fields.List(
        fields.Nested(ListedProblemSchema), metadata=about("The problems that an upload would have.")
    )


PREVIEW_SCHEMA = PreviewSchema()


@blueprint.post("/preview")
@operation(
    "previewUpload",
    {200: Success("How an upload would read the file", PreviewSchema)},
    query=UploadOptionsSchema,
    headers=("Content-Encoding", "Content-Digest"),
    body=BODY,
    problems=REQUEST_PROBLEMS,
)
def preview() -> Response:
    """Show how an upload would read a file: at most its first 1,000 rows are read, and nothing is stored."""
    with received_upload() as (received, requested):
        result = previews.preview(
            access.database(),
            limits(),
            requested,
            account_id=access.principal().account_id,
            file=received.file,
        )
    document = vars(result) | {
        "problems": [_listed(problems.of_refusal(refusal)) for refusal in result.problems]
    }
    return Response(json.dumps(PREVIEW_SCHEMA.dump(document)), content_type="application/json")


def _listed(problem: Problem) -> Mapping[str, Any]:
    return {**problems.described(problem), "errors": problem.errors}
