"""The command that writes the files that a server needs around the service."""

from importlib.resources import files
from pathlib import Path

import click

from bulkimport.errors import OperatorError

DEPLOY_FILES = (
    "nginx.conf",
    "alerts.yml",
    "grafana.json",
    "systemd/bulkimport-release.service",
    "systemd/bulkimport-web.service",
    "systemd/bulkimport-worker@.service",
)


@click.command("deploy-files")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def deploy_files(folder: Path) -> None:
    """Write the files of nginx, Prometheus, Grafana and systemd into DIR.

    A file that exists is never overwritten: if there is one, nothing is written.
    """
    targets = {folder / name: files("bulkimport") / "deploy" / name for name in DEPLOY_FILES}
    existing = [str(target) for target in targets if target.exists()]
    if existing:
        raise OperatorError(f"{', '.join(existing)}: would be overwritten; name another folder")
    for target, source in targets.items():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
        except OSError as error:
            raise OperatorError(f"cannot write {target}: {error.strerror}") from error
        click.echo(target)
