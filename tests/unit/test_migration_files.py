"""The folder of migrations, without a database."""

from pathlib import Path

import pytest

from bulkimport.database import migrations
from bulkimport.database.migrations import MigrationError


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("SELECT 1;\n")
    return folder


def test_the_projects_own_folder_is_valid() -> None:
    versions = [migration.version for migration in migrations.read_folder()]
    assert versions == list(range(1, len(versions) + 1))
    assert migrations.latest_version() == len(versions) > 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["000001_a.up.sql"], "has no 000001_….down.sql"),
        (["000001_a.down.sql"], "has no 000001_….up.sql"),
        (["000002_a.up.sql", "000002_a.down.sql"], "has no 000001_….up.sql"),
        (["000001_a.up.sql", "000001_a.down.sql", "000001_b.up.sql"], "version 1 is duplicate"),
        (["000001_a.up.sql", "000001_b.down.sql"], "have the same version but different names"),
        (["1_a.up.sql"], "is not named"),
        (["000001_a.sql"], "is not named"),
    ],
)
def test_missing_duplicate_and_misnamed_files_are_refused(
    tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(MigrationError, match=message):
        migrations.read_folder(write(tmp_path, *names))


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN; SELECT 1; COMMIT;",
        "SELECT 1;\ncommit;",
        "/* why */ begin work;",
        "-- why\nSTART TRANSACTION;",
        "SELECT ';' ; ROLLBACK;",
        "SELECT $$ ; $$; END;",
    ],
)
def test_a_file_with_its_own_transaction_is_refused(text: str) -> None:
    with pytest.raises(MigrationError, match="is not allowed"):
        migrations.refuse_transaction_statements("000001_a.up.sql", text)


@pytest.mark.parametrize(
    "text",
    [
        "DO $$ BEGIN PERFORM 1; COMMIT; END $$;",
        "DO $body$\nBEGIN\n NULL;\nEND\n$body$;",
        "SELECT 'a; BEGIN; b';",
        r"SELECT E'it\'s; COMMIT;';",
        "-- BEGIN;\nSELECT 1;",
        "/* ; COMMIT; */ SELECT 1;",
        'SELECT 1 AS "; BEGIN";',
        "CREATE TABLE begin_end (commit int);",
    ],
)
def test_the_words_are_allowed_elsewhere(text: str) -> None:
    migrations.refuse_transaction_statements("000001_a.up.sql", text)
