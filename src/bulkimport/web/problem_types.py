"""The kinds of problems that the service answers: a closed list, on which callers may rely."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """A kind of problem: its status, a title that never changes, what it means and what to do."""

    status: int
    title: str
    meaning: str


# The key is the end of the type's URI.
PROBLEM_TYPES = {
    "invalid-id": ProblemType(
        400,
        "The id is malformed",
        "An id in the URL is no UUID, or no number. Take ids from the answers of the service, as they are.",
    ),
    "invalid-parameters": ProblemType(
        400,
        "Parameters are not valid",
        "A query parameter or form field is unknown, given twice or out of range. `errors` names each.",
    ),
    "malformed-request": ProblemType(
        400,
        "The request is malformed",
        "The request cannot be read: its form, its JSON or its encoding is broken.",
    ),
    "incomplete-body": ProblemType(
        400,
        "The body ended early",
        "The connection ended before as many bytes as Content-Length says had come. Nothing was "
        "imported; send the request again.",
    ),
    "missing-file": ProblemType(
        400,
        "There is no file in the request",
        "The form has no field `file`, or several. Send one, or the file itself as text/csv.",
    ),
    "empty-file": ProblemType(
        400,
        "The file is empty",
        "There is nothing in the file.",
    ),
    "no-rows": ProblemType(
        400,
        "The file has no rows",
        "There is a header and nothing below it.",
    ),
    "missing-columns": ProblemType(
        400,
        "Columns are missing",
        "The header lacks columns, which `detail` names. Add them, or map others to them with `columns=`.",
    ),
    "doubled-columns": ProblemType(
        400,
        "Columns are doubled",
        "The header names a column twice, or two columns are for one field. Remove or map one of them.",
    ),
    "too-many-columns": ProblemType(
        400,
        "There are too many columns",
        "The header has more columns than can be read.",
    ),
    "unreadable-header": ProblemType(
        400,
        "The header cannot be read",
        "The bytes, quotes or lengths of the header are wrong; `detail` says which.",
    ),
    "ambiguous-delimiter": ProblemType(
        400,
        "The delimiter is not clear",
        "The header can be read with more than one delimiter. Say which with `delimiter=`.",
    ),
    "ambiguous-dates": ProblemType(
        400,
        "The date format is not clear",
        "With `date_format=auto` the dates can be read day first and month first. Say which; `detail` "
        "has two examples.",
    ),
    "not-csv": ProblemType(
        400,
        "The file is no CSV file",
        "The file is of another format. `detail` says which, and how to make a CSV file of it.",
    ),
    "unknown-charset": ProblemType(
        400,
        "The encoding is not known",
        "The declared encoding is none that can be read. Say another with `charset=`, best of all utf-8.",
    ),
    "unknown-parent": ProblemType(
        400,
        "The parent job does not exist",
        "`parent_job_id`, or the column `_job` of a file of failed rows, names no job of the account. Name "
        "another, or leave `parent_job_id` and the columns `_row`, `_errors` and `_job` out.",
    ),
    "ambiguous-parent": ProblemType(
        400,
        "The parent job is not clear",
        "The file has rows of more than one job, or its rows may be of more than one, and jobs can have "
        "different options. Upload the rows of each job apart, or name one job with `parent_job_id`.",
    ),
    "invalid-idempotency-key": ProblemType(
        400,
        "The Idempotency-Key is malformed",
        "An Idempotency-Key has 1 to 255 visible characters of ASCII; a UUID is a good one.",
    ),
    "unauthorized": ProblemType(
        401,
        "A valid token is needed",
        "There is no token, or not a valid one. WWW-Authenticate says what is wrong with it.",
    ),
    "insufficient-scope": ProblemType(
        403,
        "The token lacks a scope",
        "The token is valid, and was not given the scope that the operation needs; WWW-Authenticate names "
        "it. Ask whoever issues tokens for one that has it.",
    ),
    "inactive-account": ProblemType(
        403,
        "The account may not be used",
        "The account of the token does not exist or is not active. Ask whoever runs the platform.",
    ),
    "not-found": ProblemType(
        404,
        "There is nothing here",
        "There is no such thing, or it is of another account.",
    ),
    "method-not-allowed": ProblemType(
        405,
        "The method is not allowed here",
        "The URL has no such method. `Allow` lists those that it has.",
    ),
    "request-timeout": ProblemType(
        408,
        "The body came too slowly",
        "The body stopped coming, or took longer than this service waits. Nothing was imported; send the "
        "request again.",
    ),
    "job-unfinished": ProblemType(
        409,
        "The job is not finished",
        "What was asked for needs a finished job. Wait until it is, or cancel it.",
    ),
    "job-finished": ProblemType(
        409,
        "The job is finished",
        "The job ended before it could be cancelled.",
    ),
    "nothing-to-retry": ProblemType(
        409,
        "There is nothing to try again",
        "No row of the job failed, and every row was reached; or it is one that undoes another; or it is a "
        "retry that ended before its rows were copied, and `detail` says what to do instead.",
    ),
    "nothing-to-revert": ProblemType(
        409,
        "There is nothing to undo",
        "The job created and changed no asset, or is itself one that undoes another.",
    ),
    "already-reverted": ProblemType(
        409,
        "The job is undone already",
        "Another job undoes this one, or has done so. `detail` names it.",
    ),
    "identifier-taken": ProblemType(
        409,
        "The identifier is taken",
        "A live asset of the account has the identifier. Change that asset, or choose another identifier.",
    ),
    "request-in-progress": ProblemType(
        409,
        "The first request is still being worked on",
        "The first request with this Idempotency-Key is still being worked on. Send it again after "
        "Retry-After seconds.",
    ),
    "length-required": ProblemType(
        411,
        "The length is missing",
        "The body is sent in chunks, of which the last one cannot be told from a broken line. Send a "
        "Content-Length.",
    ),
    "precondition-failed": ProblemType(
        412,
        "The asset is not what it was",
        "Somebody changed the asset since it was read: its ETag is not in If-Match. Read it again, and "
        "decide anew.",
    ),
    "too-large": ProblemType(
        413,
        "The body is too large",
        "The body is larger than this service takes. Split the file.",
    ),
    "too-many-rows": ProblemType(
        413,
        "The file has too many rows",
        "The file has more rows than this service takes. Split it.",
    ),
    "uri-too-long": ProblemType(
        414,
        "The URL is too long",
        "The URL is longer than this service takes. Options of an upload may be form fields, too.",
    ),
    "unsupported-media-type": ProblemType(
        415,
        "The media type is not supported",
        "The body is of a type that cannot be read here, or is encoded. `detail` says what can.",
    ),
    "invalid-asset": ProblemType(
        422,
        "The asset breaks rules",
        "Fields of the asset break rules; `errors` names each, with the codes that row errors have.",
    ),
    "idempotency-key-reused": ProblemType(
        422,
        "The Idempotency-Key was used for another request",
        "Another request has had this Idempotency-Key in the last 24 hours. Each request needs its own.",
    ),
    "too-many-jobs": ProblemType(
        429,
        "The account has too many unfinished jobs",
        "The account has as many unfinished jobs as it may have. Wait until one is finished, or cancel one.",
    ),
    "headers-too-large": ProblemType(
        431,
        "The headers are too large",
        "A header, or all of them together, are larger than this service takes.",
    ),
    "internal-error": ProblemType(
        500,
        "Something went wrong here",
        "The fault is ours. Report the `request_id`.",
    ),
    "bad-gateway": ProblemType(
        502,
        "The service cannot be reached",
        "nginx has no service behind it, or the service hung up. Send the request again in a few seconds; "
        "with an Idempotency-Key that is always safe.",
    ),
    "unavailable": ProblemType(
        503,
        "The service cannot answer now",
        "The database cannot be reached. Send the request again after Retry-After seconds; with an "
        "Idempotency-Key that is always safe.",
    ),
    "busy": ProblemType(
        503,
        "Somebody else is changing it",
        "An import or another request holds a lock that the request needs; `detail` names it as far as that "
        "can be known. Nothing was changed. Send the request again after Retry-After seconds.",
    ),
    "query-timeout": ProblemType(
        503,
        "The database took too long",
        "The database did not finish a query within its time limit, and nothing was changed. Send the "
        "request again after Retry-After seconds, or ask for less, with a smaller `limit` or a filter.",
    ),
    "keys-unavailable": ProblemType(
        503,
        "Tokens cannot be verified now",
        "The keys that verify tokens could not be fetched from their issuer yet. Send the request again "
        "after Retry-After seconds.",
    ),
    "gateway-timeout": ProblemType(
        504,
        "The service did not answer in time",
        "Whether the service did what was asked is not known. Send the request again; with an "
        "Idempotency-Key that is always safe.",
    ),
}
