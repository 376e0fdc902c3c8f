"""docs/api.md, section by section."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text()
INTRODUCTION, *_PARTS = re.split(r"^##+ (.+)\n", PAGE, flags=re.MULTILINE)

# Title → text, in the order of the page.
SECTIONS = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))
