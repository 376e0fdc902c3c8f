"""The types of problems that the service returns: a closed list, on which callers may rely."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """A type of problem: its HTTP status, a title that never changes, what it means and what to do.

    `retry_after_s`, where set, is sent as Retry-After: the same request may succeed after that many seconds.
    """

    status: int
    title: str
    meaning: str
    retry_after_s: int | None = None


RETRY_AFTER_S = 5

# The key is the end of the type's URI.
PROBLEM_TYPES = {
    "invalid-id": ProblemType(
        400,
        "The id is malformed",
        "An id in the URL is not a UUID (a job) or not a whole number (an asset). Use ids exactly as the "
        "service returned them.",
    ),
    "invalid-parameters": ProblemType(
        400,
        "Parameters are not valid",
        "A query parameter or form field is unknown, is given more than once or has a value that is not "
        "allowed. `errors` names each; correct them.",
    ),
    "malformed-request": ProblemType(
        400,
        "The request is malformed",
        "The request cannot be parsed: its form, its JSON or its character encoding is broken. Correct it.",
    ),
    "incomplete-body": ProblemType(
        400,
        "The body ended early",
        "The connection ended before the number of bytes in Content-Length had arrived. Nothing was "
        "imported; send the request again.",
    ),
    "missing-file": ProblemType(
        400,
        "The request needs exactly one file",
        "The form has no field `file`, or more than one. Send exactly one, or the file itself as a body of "
        "type text/csv.",
    ),
    "empty-file": ProblemType(
        400,
        "The file is empty",
        "The file is empty. Upload one with a header and at least one row.",
    ),
    "no-rows": ProblemType(
        400,
        "The file has no rows",
        "The file has a header and nothing below it. Add at least one row.",
    ),
    "missing-columns": ProblemType(
        400,
        "Columns are missing",
        "The header lacks required columns, or columns that `columns=` maps; `detail` names them. Add them, "
        "or map other columns to them with `columns=`.",
    ),
    "duplicate-columns": ProblemType(
        400,
        "Columns are duplicated",
        "The header names a column twice, or two columns are mapped to the same field. Remove or rename one "
        "of them, or change `columns=`.",
    ),
    "too-many-columns": ProblemType(
        400,
        "The file has too many columns",
        "The header has more columns than the service reads; `detail` says how many are allowed. Remove "
        "those that are not needed.",
    ),
    "unreadable-header": ProblemType(
        400,
        "The header cannot be read",
        "The header has broken quoting, bytes that are not valid in its encoding or a name that is too "
        "long; `detail` says which. Correct it, or name the encoding with `charset=`.",
    ),
    "ambiguous-delimiter": ProblemType(
        400,
        "The delimiter is ambiguous",
        "More than one delimiter would divide the header into known columns. Name the right one with "
        "`delimiter=`.",
    ),
    "ambiguous-dates": ProblemType(
        400,
        "The date format is ambiguous",
        "With `date_format=auto`, the dates fit more than one format or have none in common; `detail` has "
        "two examples. Name the format with `date_format=`.",
    ),
    "not-csv": ProblemType(
        400,
        "The file is not a CSV file",
        "The file has another format. `detail` says which, and how to make a CSV file of it.",
    ),
    "unknown-charset": ProblemType(
        400,
        "The encoding is not supported",
        "The declared encoding is not one that the service reads. Name another with `charset=`, preferably "
        "utf-8.",
    ),
    "unknown-parent": ProblemType(
        400,
        "The parent job does not exist",
        "`parent_job_id`, or the column `_job` of a file of failed rows, names a job that does not exist or "
        "belongs to another account. Name another job, or leave out `parent_job_id` and the columns `_row`, "
        "`_errors` and `_job`.",
    ),
    "ambiguous-parent": ProblemType(
        400,
        "The parent job is ambiguous",
        "The rows are from more than one job, or may be, and jobs can have different options. Upload the "
        "rows of each job in a file of their own, or name one job with `parent_job_id`.",
    ),
    "invalid-idempotency-key": ProblemType(
        400,
        "The Idempotency-Key is malformed",
        "An Idempotency-Key must be 1 to 255 visible ASCII characters. Use a UUID, for example.",
    ),
    "unauthorized": ProblemType(
        401,
        "A valid token is required",
        "The request has no token, or one that is not valid; WWW-Authenticate says what is wrong. Get a "
        "token from your issuer.",
    ),
    "insufficient-scope": ProblemType(
        403,
        "The token lacks a scope",
        "The token is valid, but was not granted the scope that the operation requires; WWW-Authenticate "
        "names it. Ask your issuer for a token with that scope.",
    ),
    "inactive-account": ProblemType(
        403,
        "The account is not active",
        "The token's account does not exist or is not active. Ask the operators of the platform.",
    ),
    "not-found": ProblemType(
        404,
        "Not found",
        "It does not exist, or it belongs to another account. Check the URL and the id in it.",
    ),
    "method-not-allowed": ProblemType(
        405,
        "The method is not allowed here",
        "The URL does not support this method. `Allow` lists the methods that it supports.",
    ),
    "request-timeout": ProblemType(
        408,
        "The body arrived too slowly",
        "No byte of the body arrived for too long, or the whole body took too long. Nothing was imported; "
        "send the request again.",
    ),
    "job-unfinished": ProblemType(
        409,
        "The job is not finished",
        "The operation requires a finished job. Wait until the job has finished, or cancel it.",
    ),
    "job-finished": ProblemType(
        409,
        "The job has already finished",
        "The job finished before it could be cancelled. Revert it to undo what it did.",
    ),
    "nothing-to-retry": ProblemType(
        409,
        "There is nothing to retry",
        "No row of the job failed and every row was processed, the job is itself a revert, or it is a retry "
        "that ended before its rows were copied; `detail` says which, and what to do instead.",
    ),
    "nothing-to-revert": ProblemType(
        409,
        "There is nothing to revert",
        "The job created and changed no asset, or is itself a revert.",
    ),
    "already-reverted": ProblemType(
        409,
        "The job has already been reverted",
        "Another job is reverting this one or has reverted it; `detail` names that job. Follow it instead.",
    ),
    "not-a-plan": ProblemType(
        409,
        "The job has no plan",
        "Only a dry run that is completed has a plan of what an import would do. Upload the file with "
        "`dry_run=true`.",
    ),
    "plan-expired": ProblemType(
        409,
        "The plan is no longer stored",
        "The dry run's plan or its file has been removed. Upload the file again.",
    ),
    "plan-applied": ProblemType(
        409,
        "The plan has already been applied",
        "Another job is applying the plan of this dry run or has applied it; `detail` names that job. Follow "
        "it instead.",
    ),
    "plan-empty": ProblemType(
        409,
        "The plan changes nothing",
        "No row of the plan would create or change an asset.",
    ),
    "identifier-taken": ProblemType(
        409,
        "The identifier is taken",
        "Another asset of the account has this identifier. Change that asset, or choose another identifier.",
    ),
    "request-in-progress": ProblemType(
        409,
        "The first request is still in progress",
        "The first request with this Idempotency-Key is still being processed. Send the request again after "
        "Retry-After seconds to get its answer.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "length-required": ProblemType(
        411,
        "Content-Length is required",
        "The body was sent in chunks, where one that was cut off looks complete. Send it with a "
        "Content-Length: build the whole body in memory or in a file first, which clients that send a stream "
        "of unknown length do not do by themselves.",
    ),
    "precondition-failed": ProblemType(
        412,
        "The asset or plan has changed",
        "The asset or plan was changed after it was read: its ETag is not the one in If-Match. Read it "
        "again, and decide whether your request still applies.",
    ),
    "too-large": ProblemType(
        413,
        "The body is too large",
        "The body is larger than the service accepts. Split the file.",
    ),
    "too-many-rows": ProblemType(
        413,
        "The file has too many rows",
        "The file has more rows than the service accepts. Split it.",
    ),
    "uri-too-long": ProblemType(
        414,
        "The URL is too long",
        "The URL is longer than the service accepts. Send the options of an upload as form fields instead.",
    ),
    "unsupported-media-type": ProblemType(
        415,
        "The media type is not supported",
        "The Content-Type of the body is not accepted here, or the body has a Content-Encoding. `detail` "
        "says what to send.",
    ),
    "invalid-asset": ProblemType(
        422,
        "The asset is not valid",
        "Fields of the asset break rules. `errors` names each, with the codes that row errors have; correct "
        "them.",
    ),
    "idempotency-key-reused": ProblemType(
        422,
        "The Idempotency-Key was used for another request",
        "Another request used this Idempotency-Key within the last 24 hours. Use a new key for each request.",
    ),
    "too-many-jobs": ProblemType(
        429,
        "The account has too many unfinished jobs",
        "The account has as many unfinished jobs as it is allowed. Wait until one has finished, or cancel "
        "one.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "headers-too-large": ProblemType(
        431,
        "The headers are too large",
        "A header, or all headers together, are larger than the service accepts. Send fewer or shorter ones.",
    ),
    "internal-error": ProblemType(
        500,
        "Internal error",
        "The service failed to process the request. Report the `request_id` to its operators.",
    ),
    "bad-gateway": ProblemType(
        502,
        "The service cannot be reached",
        "nginx cannot reach the service, or the service closed the connection. Send the request again in a "
        "few seconds; with an Idempotency-Key that is always safe.",
    ),
    "unavailable": ProblemType(
        503,
        "The service is unavailable",
        "The service is overloaded or not ready, or its database cannot be reached. Send the request again "
        "after Retry-After seconds; with an Idempotency-Key that is always safe.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "busy": ProblemType(
        503,
        "Another change is in progress",
        "An import or another request holds a lock that this request needs; `detail` names it where that is "
        "known. Nothing was changed. Send the request again after Retry-After seconds.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "query-timeout": ProblemType(
        503,
        "The database took too long",
        "The database did not finish a query within its time limit, and nothing was changed. Send the "
        "request again after Retry-After seconds, or ask for less, with a smaller `limit` or a filter.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "keys-unavailable": ProblemType(
        503,
        "Tokens cannot be verified at the moment",
        "The keys that verify tokens could not be fetched from their issuer yet. Send the request again "
        "after Retry-After seconds.",
        retry_after_s=RETRY_AFTER_S,
    ),
    "gateway-timeout": ProblemType(
        504,
        "The service did not answer in time",
        "The service did not answer nginx in time; whether it carried out the request is unknown. Send the "
        "request again; with an Idempotency-Key that is always safe.",
    ),
}
