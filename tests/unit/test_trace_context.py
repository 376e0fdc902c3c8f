"""traceparent → the id of the trace (W3C Trace Context, section 3.2)."""

import pytest

from bulkimport.telemetry.trace_context import trace_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    ],
)
def test_a_valid_header_has_the_id_of_its_trace(header: str) -> None:
    assert trace_id(header) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "x", TRACE, f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1"),
        f"ff-{TRACE}-{SPAN}-01",  # not a version
        f"00-{TRACE}-{SPAN}-01-more",  # version 00 has four fields
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",  # the header twice
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}",
    ],
)
def test_any_other_header_has_no_trace(header: str | None) -> None:
    assert trace_id(header) is None
