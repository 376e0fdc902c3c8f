"""The PostgreSQL servers that are installed here: those of the wheel, and those of Debian's packages.

`python -m tests.support.postgres_versions [--others] COMMAND…` runs a command of pytest with each of them, or
with all but the one that tests use by default, and prints which of them passed.
"""

import subprocess
import sys
from pathlib import Path

from bulkimport.devserver import postgres

DEBIAN = Path("/usr/lib/postgresql")
OLDEST = 15  # of those that the service supports
DEFAULT = postgres.wheel_binaries(max(postgres.BINARIES))


def installed() -> dict[int, Path]:
    """Each major version, the oldest first, and the folder of its programs; Debian's if there are two."""
    wheel = {version: postgres.wheel_binaries(version) for version in postgres.BINARIES}
    debian = {int(initdb.parts[4]): initdb.parent for initdb in DEBIAN.glob("*/bin/initdb")}
    return {version: path for version, path in sorted({**wheel, **debian}.items()) if version >= OLDEST}


def main(arguments: list[str]) -> int:
    """Run the command; return 1 if it failed with any version."""
    others = arguments[0] == "--others"
    command = arguments[others:]
    results = {}
    for version, binaries in installed().items():
        if not (others and binaries == DEFAULT):
            print(f"PostgreSQL {version}, {binaries}:", flush=True)
            ran = subprocess.run([*command, "--postgres", str(binaries)], check=False)
            results[version] = "passed" if ran.returncode == 0 else "failed"
    for version, result in results.items():
        print(f"PostgreSQL {version}: {result}")
    return int("failed" in results.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
