"""Errors by who can fix them: an operator, or the caller."""

from collections.abc import Mapping, Sequence


class OperatorError(Exception):
    """The environment of the service is wrong; the message says what, and how an operator can fix it."""


class Refusal(Exception):  # noqa: N818 - it is the answer to a caller as much as an error
    """A request that cannot be carried out as it is; the caller can fix that.

    `code` is a key of web.problem_types.PROBLEM_TYPES. `detail` is whole sentences for the caller, which name
    the row, the columns or the job at fault. `errors` names the fields at fault, where there are any.
    """

    def __init__(self, code: str, detail: str, *, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
