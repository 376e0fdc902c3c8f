"""Files like customers'."""

from pathlib import Path

COLUMNS = "identifier, name, type, description, valid_from, valid_to, is_active"


def write_file(path: Path, rows: int, *, prefix: str = "AST", bad_every: int = 0) -> Path:
    """About 90 bytes a row; of each `bad_every` rows one has an unknown type and a date that is none."""
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
