"""CSV files like those that customers upload."""

from pathlib import Path

COLUMNS = "identifier, name, type, description, valid_from, valid_to, is_active"


def write_file(path: Path, rows: int, *, prefix: str = "AST", bad_every: int = 0) -> Path:
    """Write `rows` rows of about 90 bytes; one in `bad_every` has an unknown type and an invalid date."""
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS.replace(" ", "") + "\n")
        for number in range(rows):
            day = 1 + number % 28
            bad = bad_every and number % bad_every == 0
            file.write(
                f'{prefix}-{number:07},"Laptop 14"", no. {number}",{"gadget" if bad else "device"},'
                f'"Desk {number % 500}, Köln",2024-{"13" if bad else "01"}-{day:02},2027-01-{day:02},true\n'
            )
    return path
