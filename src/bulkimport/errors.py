"""Errors that the operator can mend."""


class OperatorError(Exception):
    """Something around the service is wrong; the message names it, and the way out."""
