"""requirements.lock names each package in one version, by its content."""

import re
from pathlib import Path

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()
PINNED = re.compile(r"[a-z0-9._-]+==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


def test_every_requirement_is_pinned_by_its_hashes() -> None:
    requirements = LOCK.replace("\\\n", "").splitlines()
    assert [found for found in requirements if not PINNED.fullmatch(re.sub(" +", " ", found))] == []
    assert len(requirements) > 20
