"""A lock file pins each package to one version and to its hashes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(path for folder in (".", "deploy") for path in (ROOT / folder).glob("requirements.lock"))
PINNED = re.compile(r"[a-z0-9._-]+==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_requirement_is_pinned_to_its_hashes(lock: Path) -> None:
    requirements = re.sub(r" *\\\n *", " ", lock.read_text()).splitlines()
    assert [requirement for requirement in requirements if not PINNED.fullmatch(requirement)] == []
    assert len(requirements) > 10
