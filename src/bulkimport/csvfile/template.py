"""A file to begin with: every column, and two rows that can be imported."""

from bulkimport.csvfile.header import FIELDS
from bulkimport.csvfile.writer import LineWriter

EXAMPLES = (
    ("LT-0001", "Laptop, 14 inch", "device", "Spare for the front desk", "2024-01-15", "2027-01-14", "true"),
    ("VAN-07", "Delivery van", "asset", "", "2024-03-01", "", "yes"),
)


def template() -> bytes:
    """UTF-8, commas, the header and two example rows."""
    return b"".join(map(LineWriter().line, (FIELDS, *EXAMPLES)))
