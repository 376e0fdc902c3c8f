"""The wheel is enough: what is not in it is not needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("deploy", "examples", "sql", "src", "setup.cfg", "pyproject.toml", "README.md")


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python finds the contents of the wheel instead of this working tree."""
    source, unpacked = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site-packages")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    built = subprocess.run(
        [*pip_wheel(), "--wheel-dir", str(source), str(source)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = source.glob("*.whl")
    ZipFile(wheel).extractall(unpacked)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": str(unpacked), "WEB_CONCURRENCY": "1", "WORKER_CONCURRENCY": "1"}


def pip_wheel() -> list[str]:
    """The command that builds a wheel without the network."""
    return [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
    ]


def bulkimport(*arguments: str, environ: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the wheel's command in a folder."""
    command = [sys.executable, "-m", "bulkimport", *arguments]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)


def test_the_demo_runs_in_an_empty_folder(environ: dict[str, str], tmp_path: Path) -> None:
    shown = bulkimport("dev", "demo", environ=environ, folder=tmp_path)
    log = (tmp_path / "var" / "demo" / "service.log").read_text()
    assert shown.returncode == 0, shown.stderr + log
    assert "completed: 240 of 240 rows imported, 0 failed" in shown.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


def test_the_files_for_a_server_are_written_once(environ: dict[str, str], tmp_path: Path) -> None:
    written = bulkimport("deploy-files", "server", environ=environ, folder=tmp_path)
    assert written.returncode == 0, written.stderr
    files = contents(tmp_path / "server")
    assert {f"server/{name}" for name in files} == set(written.stdout.splitlines())
    others = {"gunicorn.conf.py", "requirements.lock"}  # read by `bulkimport web`; needed before the wheel
    assert files == {name: text for name, text in contents(ROOT / "deploy").items() if name not in others}

    (tmp_path / "server" / "alerts.yml").unlink()
    refused = bulkimport("deploy-files", "server", environ=environ, folder=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("bulkimport: server/nginx.conf, server/grafana.json, server/systemd/")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "server" / "alerts.yml").exists()


def contents(folder: Path) -> dict[str, bytes]:
    """Path below the folder → content of each file."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
