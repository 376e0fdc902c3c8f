"""The types of problems that the service returns: a closed list, on which callers may rely."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """A type of problem: its HTTP status, a title that never changes, what happened and what to do about it.

    Texts are Markdown without links. `rule` is the section of docs/ that has the rule, as `page.md#section`.
    `in_excel`, where set, says how to do it in Excel. `retry_after_s`, where set, is sent as Retry-After: the
    same request may succeed after that many seconds.
    """

    status: int
    title: str
    cause: str
    way_out: str
    rule: str
    in_excel: str | None = None
    retry_after_s: int | None = None

    @property
    def meaning(self) -> str:
        """What happened and what to do about it, as one text."""
        return f"{self.cause} {self.way_out}"


RETRY_AFTER_S = 5
KINDS_OF_FILES = "files.md#what-happens-to-each-kind-of-file"
FAILED_ROWS = "files.md#fix-failed-rows-and-upload-them-again"
WORKBOOKS = "files.md#workbooks"
SAVE_AS_XLSX = "Choose File, Save As, and the file type *Excel Workbook (\\*.xlsx)*. Upload that file."
SHEET_ON_TOP = "A CSV file contains one sheet: select the sheet with the rows, then save it as CSV again."
SPLIT = "Move some of the rows to a new workbook, copy the header to it, and save both."
IN_THE_FIRST_ROW = "The header is row 1, with a name in each cell."

# The key is the end of the type's URI.
PROBLEM_TYPES = {
    "invalid-id": ProblemType(
        400,
        "The id is malformed",
        "An id in the URL is not a UUID (a job) or not a whole number (an asset).",
        "Use ids exactly as the service returned them.",
        "api.md#get-a-job",
    ),
    "invalid-parameters": ProblemType(
        400,
        "Parameters are not valid",
        "A query parameter or form field is unknown, is given more than once or has a value that is not "
        "allowed.",
        "`errors` names each; correct them.",
        "api.md#upload-a-file",
    ),
    "malformed-request": ProblemType(
        400,
        "The request is malformed",
        "The request cannot be parsed: its form, its JSON, its gzip or its character encoding is broken.",
        "Correct it.",
        "api.md#limits",
    ),
    "incomplete-body": ProblemType(
        400,
        "The body ended early",
        "The connection ended before the number of bytes in Content-Length had arrived, or a gzip file ends "
        "early. Nothing was imported.",
        "Send the request again.",
        "api.md#upload-a-file",
    ),
    "digest-mismatch": ProblemType(
        400,
        "The body is not the one that was sent",
        "The body that arrived does not have the digest in Content-Digest (RFC 9530), or that header is not "
        "of the form sha-256=:BASE64:. Nothing was imported.",
        "Send the request again.",
        "api.md#upload-a-file",
    ),
    "missing-file": ProblemType(
        400,
        "The request needs exactly one file",
        "The form has no field `file`, or more than one.",
        "Send exactly one, or the file itself as a body of type text/csv.",
        "api.md#upload-a-file",
    ),
    "empty-file": ProblemType(
        400,
        "The file is empty",
        "The file is empty.",
        "Upload one with a header and at least one row.",
        KINDS_OF_FILES,
        SHEET_ON_TOP,
    ),
    "no-rows": ProblemType(
        400,
        "The file has no rows",
        "The file has a header and nothing below it.",
        "Add at least one row.",
        KINDS_OF_FILES,
        SHEET_ON_TOP,
    ),
    "missing-columns": ProblemType(
        400,
        "Columns are missing",
        "The header lacks required columns, or columns that `columns=` maps.",
        "`detail` names them: add them, map other columns to them with `columns=`, set a value for every row "
        "with `defaults=`, or name the row of the header with `header_row=`.",
        "files.md#the-rules-of-a-row",
        f"{IN_THE_FIRST_ROW} If the rows begin there, insert a row above them and type the names.",
    ),
    "duplicate-columns": ProblemType(
        400,
        "Columns are duplicated",
        "Two columns that are imported have the same name, or are for the same field.",
        "Remove or rename one of them, or map it elsewhere with `columns=`.",
        KINDS_OF_FILES,
        f"{IN_THE_FIRST_ROW} Rename one of the two, or right-click its column's letter and choose Delete.",
    ),
    "too-many-columns": ProblemType(
        400,
        "The file has too many columns",
        "The header has more columns than the service reads, or an export would.",
        "Remove those that are not needed, or export fewer assets; `detail` says how many are allowed.",
        KINDS_OF_FILES,
        "Select the letters of the columns that are not needed, right-click one of them and choose Delete.",
    ),
    "unreadable-header": ProblemType(
        400,
        "The header cannot be read",
        "The header has broken quoting, bytes that are not valid in its encoding or a name that is too long.",
        "`detail` says which: correct it, or name the encoding with `charset=`.",
        KINDS_OF_FILES,
        SAVE_AS_XLSX,
    ),
    "ambiguous-delimiter": ProblemType(
        400,
        "The delimiter is ambiguous",
        "More than one delimiter would divide the header into known columns.",
        "Name the right one with `delimiter=`.",
        KINDS_OF_FILES,
        f"{IN_THE_FIRST_ROW} If several names are in one cell, select its column and choose Data, Text to "
        "Columns.",
    ),
    "ambiguous-dates": ProblemType(
        400,
        "The date format is ambiguous",
        "With `date_format=auto`, the dates of a column fit more than one format or have none in common.",
        "Name the format with `date_format=`; `detail` has two examples.",
        KINDS_OF_FILES,
        "A CSV file contains dates as Excel shows them, and a workbook (.xlsx) the dates themselves. Upload "
        "the workbook, unless its dates are texts.",
    ),
    "ambiguous-sheet": ProblemType(
        400,
        "The sheet is ambiguous",
        "More than one visible sheet of the workbook has content.",
        "Name the right one with `sheet=`; `detail` has their names.",
        WORKBOOKS,
        "Or right-click the tab of each other sheet, choose Hide, and save the workbook.",
    ),
    "unknown-sheet": ProblemType(
        400,
        "The sheet does not exist",
        "The workbook has no sheet of the name or the number in `sheet=`.",
        "Name another; `detail` has the names of the visible sheets.",
        WORKBOOKS,
        "The names are on the tabs at the bottom of the window.",
    ),
    "not-csv": ProblemType(
        400,
        "The file is neither a CSV file nor a workbook",
        "The file has another format, or is a damaged or encrypted workbook.",
        "Make an Excel workbook (.xlsx) or a CSV file of it. `detail` says what it is, and how.",
        KINDS_OF_FILES,
        SAVE_AS_XLSX,
    ),
    "unknown-charset": ProblemType(
        400,
        "The encoding is not supported",
        "The declared encoding is not one that the service reads.",
        "Name another with `charset=`, preferably utf-8.",
        "files.md#files-we-accept",
        SAVE_AS_XLSX,
    ),
    "unknown-parent": ProblemType(
        400,
        "The parent job does not exist",
        "`parent_job_id`, or the column `_job` of a file of failed rows, names a job that does not exist or "
        "belongs to another account.",
        "Name another job, or leave out `parent_job_id` and the columns `_row`, `_errors` and `_job`.",
        FAILED_ROWS,
        "Select the letters of the columns `_row`, `_errors` and `_job`, right-click one of them and choose "
        "Delete.",
    ),
    "ambiguous-parent": ProblemType(
        400,
        "The parent job is ambiguous",
        "The rows are from more than one job, or may be, and jobs can have different options.",
        "Upload the rows of each job in a file of their own, or name one job with `parent_job_id`.",
        FAILED_ROWS,
        "Choose Data, Filter, show one value of the column `_job`, and copy the header and these rows to a "
        "new workbook. Do so for each value, and save each workbook.",
    ),
    "nothing-remembered": ProblemType(
        400,
        "No mapping is remembered for this header",
        "`columns=remembered` takes the mapping and the options of the latest completed import with the same "
        "header, and the account has none.",
        "Map the columns with `columns`; the next file with this header can take that mapping.",
        "files.md#remembered-mappings",
    ),
    "invalid-idempotency-key": ProblemType(
        400,
        "The Idempotency-Key is malformed",
        "An Idempotency-Key must be 1 to 255 visible ASCII characters.",
        "Use a UUID, for example.",
        "api.md#idempotency",
    ),
    "unauthorized": ProblemType(
        401,
        "A valid token is required",
        "The request has no token, or one that is not valid; WWW-Authenticate says what is wrong.",
        "Get a token from your issuer.",
        "api.md#authentication",
    ),
    "insufficient-scope": ProblemType(
        403,
        "The token lacks a scope",
        "The token is valid, but was not granted the scope that the operation requires; WWW-Authenticate "
        "names it.",
        "Ask your issuer for a token with that scope.",
        "api.md#authentication",
    ),
    "inactive-account": ProblemType(
        403,
        "The account is not active",
        "The token's account does not exist or is not active.",
        "Ask the operators of the platform.",
        "api.md#authentication",
    ),
    "not-found": ProblemType(
        404,
        "Not found",
        "It does not exist, or it belongs to another account.",
        "Check the URL and the id in it.",
        "api.md#errors",
    ),
    "method-not-allowed": ProblemType(
        405,
        "The method is not allowed here",
        "The URL does not support this method.",
        "Use one of the methods that `Allow` lists.",
        "api.md#api-reference",
    ),
    "request-timeout": ProblemType(
        408,
        "The body arrived too slowly",
        "No byte of the body arrived for too long, or the whole body took too long. Nothing was imported.",
        "Send the request again.",
        "api.md#limits",
    ),
    "job-unfinished": ProblemType(
        409,
        "The job is not finished",
        "The operation requires a finished job.",
        "Wait until the job has finished, or cancel it.",
        "states.md#the-states-of-a-job",
    ),
    "job-finished": ProblemType(
        409,
        "The job has already finished",
        "The job finished before it could be cancelled.",
        "Revert it to undo what it did.",
        "api.md#revert-a-job",
    ),
    "nothing-to-retry": ProblemType(
        409,
        "There is nothing to retry",
        "No row of the job failed and every row was processed, the job is itself a revert, or it is a retry "
        "that ended before its rows were copied.",
        "`detail` says which, and what to do instead.",
        "api.md#retry-a-job",
    ),
    "nothing-to-revert": ProblemType(
        409,
        "There is nothing to revert",
        "The job created and changed no asset, or is itself a revert.",
        "Nothing needs to be done.",
        "api.md#revert-a-job",
    ),
    "already-reverted": ProblemType(
        409,
        "The job has already been reverted",
        "Another job is reverting this one or has reverted it.",
        "Follow that job instead; `detail` names it.",
        "api.md#revert-a-job",
    ),
    "not-a-plan": ProblemType(
        409,
        "The job has no plan",
        "Only a dry run that is completed has a plan of what an import would do.",
        "Upload the file with `dry_run=true`.",
        "api.md#apply-a-plan",
    ),
    "plan-expired": ProblemType(
        409,
        "The plan is no longer stored",
        "The dry run's plan or its file has been removed.",
        "Upload the file again.",
        "api.md#apply-a-plan",
    ),
    "plan-applied": ProblemType(
        409,
        "The plan has already been applied",
        "Another job is applying the plan of this dry run or has applied it.",
        "Follow that job instead; `detail` names it.",
        "api.md#apply-a-plan",
    ),
    "plan-empty": ProblemType(
        409,
        "The plan changes nothing",
        "No row of the plan would create or change an asset.",
        "There is nothing to do.",
        "api.md#apply-a-plan",
    ),
    "csv-only": ProblemType(
        409,
        "The rows are available as CSV only",
        "A workbook cannot hold the rows as they are: there are too many, a cell is too long, or bytes could "
        "not be decoded.",
        "Download `failed-rows.csv` or `assets.csv` instead.",
        FAILED_ROWS,
    ),
    "identifier-taken": ProblemType(
        409,
        "The identifier is taken",
        "Another asset of the account has this identifier.",
        "Change that asset, or choose another identifier.",
        "files.md#the-rules-of-a-row",
    ),
    "request-in-progress": ProblemType(
        409,
        "The first request is still in progress",
        "The first request with this Idempotency-Key is still being processed.",
        "Send the request again after Retry-After seconds to get its answer.",
        "api.md#idempotency",
        retry_after_s=RETRY_AFTER_S,
    ),
    "length-required": ProblemType(
        411,
        "Content-Length is required",
        "The body was sent in chunks, so the service could not tell whether it is complete.",
        "Send a Content-Length, for which most clients need the whole body in memory or in a file. Or go "
        "through a proxy that buffers requests, such as nginx with the configuration that comes with the "
        "service.",
        "api.md#limits",
    ),
    "precondition-failed": ProblemType(
        412,
        "The asset or plan has changed",
        "The asset or plan was changed after it was read: its ETag is not the one in If-Match.",
        "Read it again, and decide whether your request still applies.",
        "api.md#conditional-requests",
    ),
    "too-large": ProblemType(
        413,
        "The body is too large",
        "The body is larger than the service accepts.",
        "Split the file.",
        "api.md#limits",
        SPLIT,
    ),
    "too-many-rows": ProblemType(
        413,
        "The file has too many rows",
        "The file has more rows than the service accepts.",
        "Split it.",
        "api.md#limits",
        SPLIT,
    ),
    "uri-too-long": ProblemType(
        414,
        "The URL is too long",
        "The URL is longer than the service accepts.",
        "Send the options of an upload as form fields instead.",
        "api.md#limits",
    ),
    "unsupported-media-type": ProblemType(
        415,
        "The media type is not supported",
        "The Content-Type or the Content-Encoding of the body is not accepted here.",
        "Send what `detail` says.",
        "api.md#upload-a-file",
    ),
    "invalid-asset": ProblemType(
        422,
        "The asset is not valid",
        "Fields of the asset break rules.",
        "`errors` names each, with the codes that row errors have; correct them.",
        "files.md#the-rules-of-a-row",
    ),
    "idempotency-key-reused": ProblemType(
        422,
        "The Idempotency-Key was used for another request",
        "Another request used this Idempotency-Key within the last 24 hours.",
        "Use a new key for each request.",
        "api.md#idempotency",
    ),
    "too-many-jobs": ProblemType(
        429,
        "The account has too many unfinished jobs",
        "The account has as many unfinished jobs as it is allowed.",
        "Wait until one has finished, or cancel one.",
        "api.md#limits",
        retry_after_s=RETRY_AFTER_S,
    ),
    "headers-too-large": ProblemType(
        431,
        "The headers are too large",
        "A header, or all headers together, are larger than the service accepts.",
        "Send fewer or shorter ones.",
        "api.md#limits",
    ),
    "internal-error": ProblemType(
        500,
        "Internal error",
        "The service failed to process the request.",
        "Report the `request_id` to its operators.",
        "api.md#errors",
    ),
    "bad-gateway": ProblemType(
        502,
        "The service cannot be reached",
        "nginx cannot reach the service, or the service closed the connection.",
        "Send the request again in a few seconds; with an Idempotency-Key that is always safe.",
        "api.md#errors",
    ),
    "unavailable": ProblemType(
        503,
        "The service is unavailable",
        "The service is overloaded or not ready, or its database cannot be reached.",
        "Send the request again after Retry-After seconds; with an Idempotency-Key that is always safe.",
        "api.md#errors",
        retry_after_s=RETRY_AFTER_S,
    ),
    "busy": ProblemType(
        503,
        "Another change is in progress",
        "An import or another request holds a lock that this request needs. Nothing was changed.",
        "Send the request again after Retry-After seconds. `detail` names the lock's job, where that is "
        "known.",
        "api.md#concurrent-changes",
        retry_after_s=RETRY_AFTER_S,
    ),
    "query-timeout": ProblemType(
        503,
        "The database took too long",
        "The database did not finish a query within its time limit, and nothing was changed.",
        "Send the request again after Retry-After seconds, or ask for less, with a smaller `limit` or a "
        "filter.",
        "api.md#pages-and-cursors",
        retry_after_s=RETRY_AFTER_S,
    ),
    "keys-unavailable": ProblemType(
        503,
        "Tokens cannot be verified at the moment",
        "The keys that verify tokens could not be fetched from their issuer yet.",
        "Send the request again after Retry-After seconds.",
        "api.md#authentication",
        retry_after_s=RETRY_AFTER_S,
    ),
    "gateway-timeout": ProblemType(
        504,
        "The service did not answer in time",
        "The service did not answer nginx in time; whether it carried out the request is unknown.",
        "Send the request again; with an Idempotency-Key that is always safe.",
        "api.md#errors",
    ),
}
