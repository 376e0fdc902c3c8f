"""The trace that a caller's request belongs to (W3C Trace Context)."""

import re

# Section 3.2. Versions above 00 may add fields after the first four; ff and ids of all zeros are invalid.
TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace_id>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?P<more>-[!-~]{0,200})?"
)


def trace_id(traceparent: str | None) -> str | None:
    """The id of the trace as 32 hexadecimal digits; None if the header is missing or invalid."""
    match = TRACEPARENT.fullmatch(traceparent or "")
    if match is None or (match["version"] == "00" and match["more"] is not None):
        return None
    return match["trace_id"]
