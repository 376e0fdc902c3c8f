"""The schemas of jobs in requests and answers."""

from marshmallow import Schema, fields, validate

from bulkimport.api.row_error_schemas import JobRowErrorSchema, SummaryEntrySchema
from bulkimport.api.upload_schemas import JobOptionsSchema
from bulkimport.store import jobs
from bulkimport.web.pagination import INSTANT, UNIQUE_ID, CursorField
from bulkimport.web.schemas import (
    MAX_PAGE,
    PRINTABLE,
    AnswerSchema,
    Choice,
    Enumeration,
    Instant,
    InstantParameter,
    about,
)

JOB_KIND = Enumeration(
    "JobKind", "Whether a job imports a file or undoes another job.", (jobs.IMPORT, jobs.REVERT)
)
JOB_STATUS = Enumeration(
    "JobStatus",
    "The state of a job. `completed`, `failed` and `cancelled` are final: a completed job has processed "
    "every row, though rows may have failed; the others stopped before that.",
    jobs.STATUSES,
)
BY_HAND = "null for a job that was not created through this API"


class IgnoredColumnSchema(AnswerSchema):
    """A column of the file that is not imported."""

    column = fields.String(metadata=about("Its name in the header."))
    position = fields.Integer(metadata=about("Its place in the file, from 1.", minimum=1))
    did_you_mean = fields.String(
        allow_none=True, metadata=about("A field with a similar name; null if there is none.")
    )


class JobFileSchema(AnswerSchema):
    """The uploaded file."""

    name = fields.String(allow_none=True, metadata=about("Its name; null if the upload did not name it."))
    bytes = fields.Integer(metadata=about("Its size.", format="int64", minimum=0))
    sha256 = fields.String(metadata=about("Its SHA-256 in hexadecimal digits.", pattern="^[0-9a-f]{64}$"))


class JobSchema(AnswerSchema):
    """A job's status."""

    # job_status.text writes it; a test compares the two.

    job_id = fields.UUID(metadata=about("The job's id."))
    kind = Choice(JOB_KIND, metadata=about("Whether it imports a file or undoes another job."))
    status = Choice(JOB_STATUS, metadata=about("Its state."))
    total_rows = fields.Integer(metadata=about("How many rows there are to process.", minimum=0))
    processed_rows = fields.Integer(
        metadata=about(
            "How many rows are processed: the created, updated, unchanged, removed, skipped and failed ones.",
            minimum=0,
        )
    )
    created_rows = fields.Integer(
        allow_none=True,
        metadata=about(f"How many rows created an asset, or with `dry_run` would have; {BY_HAND}."),
    )
    updated_rows = fields.Integer(
        allow_none=True,
        metadata=about(f"How many rows updated an asset, or in a revert restored one; {BY_HAND}."),
    )
    unchanged_rows = fields.Integer(
        metadata=about(
            "How many rows with `on_conflict=update` changed nothing in an asset, or with `dry_run` would "
            "change nothing.",
            minimum=0,
        )
    )
    removed_rows = fields.Integer(
        allow_none=True, metadata=about("How many assets a revert removed; null for an import.")
    )
    skipped_rows = fields.Integer(
        allow_none=True,
        metadata=about(
            "How many rows were skipped: with `on_conflict=skip`, because an import with `on_error=abort` "
            f"failed, or because a revert has nothing to undo; {BY_HAND}."
        ),
    )
    failed_rows = fields.Integer(metadata=about("How many rows have errors.", minimum=0))
    successful_rows = fields.Integer(
        allow_none=True, metadata=about("How many rows have no errors; null unless the job is completed.")
    )
    blank_rows = fields.Integer(
        allow_none=True,
        metadata=about(f"How many blank lines the file has, which are not rows; {BY_HAND}."),
    )
    progress = fields.Float(
        metadata=about("The share of the rows that are processed.", format="double", minimum=0, maximum=1)
    )
    rows_per_second = fields.Float(
        allow_none=True,
        metadata=about(
            "The average since `started_at`; null before the first chunk is finished.", format="double"
        ),
    )
    estimated_completion = Instant(
        allow_none=True,
        metadata=about(
            "When the job will finish at that rate; null before the first chunk is finished, and once the "
            "job is."
        ),
    )
    queue_position = fields.Integer(
        allow_none=True,
        metadata=about(
            "Its position among the account's unfinished jobs, in the order of their next chunks; 1 is next; "
            "null unless the job is pending.",
            minimum=1,
        ),
    )
    cancel_requested = fields.Boolean(metadata=about("Whether the worker has been asked to cancel the job."))
    created_at = Instant(metadata=about("When the job was accepted."))
    started_at = Instant(allow_none=True, metadata=about("When its import began; null before that."))
    completed_at = Instant(
        allow_none=True, metadata=about("When the job finished, in whatever state; null while it has not.")
    )
    failure = fields.String(
        allow_none=True, metadata=about("Why the job stopped; null unless it has failed.")
    )
    options = fields.Nested(JobOptionsSchema, metadata=about("The options in force."))
    ignored_columns = fields.List(
        fields.Nested(IgnoredColumnSchema), metadata=about("The columns that are not imported.")
    )
    parent_job_id = fields.UUID(
        allow_none=True,
        metadata=about(
            "The job that this one retries, reverts or fixes rows of, or whose plan it applies; null if "
            "there is none, or it has been deleted."
        ),
    )
    created_by = fields.String(
        allow_none=True,
        metadata=about("The token's `sub`; null if it has none of 1 to 255 printable characters."),
    )
    file = fields.Nested(
        JobFileSchema,
        allow_none=True,
        metadata=about("The uploaded file; null for a retry, a revert or an applied plan."),
    )
    request_id = fields.String(
        allow_none=True, metadata=about(f"X-Request-ID of the request that created the job; {BY_HAND}.")
    )
    traceparent = fields.String(
        allow_none=True,
        metadata=about("The `traceparent` of that request (W3C Trace Context); null if it had no valid one."),
    )
    error_summary = fields.List(
        fields.Nested(SummaryEntrySchema), metadata=about("All errors, counted by code and field.")
    )

    errors = fields.List(
        fields.Nested(JobRowErrorSchema),
        metadata=about("The first 100 row errors, at most 20 per row, in the order of the rows."),
    )


class ListedJobSchema(JobSchema):
    """A job's status in a list: without its row errors and its place in the queue."""

    class Meta(AnswerSchema.Meta):
        exclude = ("errors", "queue_position")


class JobPageSchema(AnswerSchema):
    """A page of jobs, without their row errors."""

    jobs = fields.List(fields.Nested(ListedJobSchema), metadata=about("The jobs, newest first."))
    next_cursor = CursorField(
        INSTANT,
        UNIQUE_ID,
        allow_none=True,
        metadata=about("Where the next page begins; null on the last one."),
    )


class JobQuerySchema(Schema):
    """The query parameters of a list of jobs."""

    status = Choice(JOB_STATUS, metadata=about("Only jobs in this state."))
    created_after = InstantParameter(
        metadata=about("Only jobs created later than this time, which has Z or an offset.")
    )
    created_before = InstantParameter(
        metadata=about("Only jobs created earlier than this time, which has Z or an offset.")
    )
    created_by = fields.String(
        validate=[validate.Length(min=1, max=255), PRINTABLE],
        metadata=about("Only jobs created with tokens of this `sub`."),
    )
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=MAX_PAGE),
        metadata=about("How many jobs the page has at most."),
    )
    cursor = CursorField(
        INSTANT,
        UNIQUE_ID,
        load_default=lambda: None,
        metadata=about("The `next_cursor` of the previous page. By default the first page."),
    )
