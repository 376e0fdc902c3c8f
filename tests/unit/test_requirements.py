"""A lock names each package in one version, by its content."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(found for folder in (".", "deploy") for found in (ROOT / folder).glob("requirements.lock"))
PINNED = re.compile(r"[a-z0-9._-]+==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_requirement_is_pinned_by_its_hashes(lock: Path) -> None:
    requirements = re.sub(r" *\\\n *", " ", lock.read_text()).splitlines()
    assert [found for found in requirements if not PINNED.fullmatch(found)] == []
    assert len(requirements) > 10
