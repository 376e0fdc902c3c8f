"""The tour of the README, pasted into a shell as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_make import ROOT, environ, run, running

__all__ = ("environ", "running")  # fixtures


@pytest.mark.usefixtures("running")
def test_the_tour_can_be_pasted(environ: dict[str, str], tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Take the tour")[2].partition("\n## ")[0]
    tour = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    assert tour.count("curl") >= 8
    # Another port, because tests do not know which are free; everything else is unchanged.
    script = tour.replace("127.0.0.1:8000", f"127.0.0.1:{environ['PORT']}")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "Makefile").write_text(f"%:\n\t@$(MAKE) -s -C '{ROOT}' $@ ACCOUNT=$(ACCOUNT)\n")
    pasted = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert pasted.returncode == 0, pasted.stdout + pasted.stderr
    listed = run(
        *("dev", "psql"),
        environ=environ,
        text="SELECT kind, status, total_rows, failed_rows FROM trakrf.bulk_import_jobs ORDER BY created_at;",
    ).stdout
    assert re.findall(r"(import|revert) \| (\w+)", listed) == [
        ("import", "completed"),
        ("import", "completed"),
        ("import", "completed"),
        ("import", "completed"),
        ("revert", "completed"),
    ], listed
