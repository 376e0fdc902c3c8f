"""The template file: the header and two rows that can be imported."""

from bulkimport.csvfile.header import FIELDS
from bulkimport.csvfile.writer import LineWriter

EXAMPLES = (
    {
        "identifier": "LT-0001",
        "name": "Laptop, 14 inch",
        "type": "device",
        "description": "Spare for the front desk",
        "valid_from": "2024-01-15",
        "valid_to": "2027-01-14",
        "is_active": "true",
    },
    {
        "identifier": "VAN-07",
        "name": "Delivery van",
        "type": "asset",
        "valid_from": "2024-03-01",
        "is_active": "yes",
    },
)


def template() -> bytes:
    """A CSV file in UTF-8, separated by commas: a column for each field, and two example rows."""
    examples = [[example.get(field, "") for field in FIELDS] for example in EXAMPLES]
    return b"".join(map(LineWriter().line, (FIELDS, *examples)))
