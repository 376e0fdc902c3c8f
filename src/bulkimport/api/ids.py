"""Ids as they stand in URLs, strictly."""

import re
from typing import ClassVar
from uuid import UUID

from werkzeug.routing import BaseConverter

from bulkimport.web.problems import Problem

# uuid.UUID alone also takes braces, urn:uuid: and no dashes at all.
UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NUMBER_PATTERN = re.compile(r"[1-9][0-9]{0,18}")
MAX_NUMBER = 2**63 - 1


class JobText(BaseConverter):
    """The text in a URL that stands for a job. `schema` describes those that are ids."""

    regex = r"(?!template\.csv$)[^/]+"  # not what is a resource of its own
    schema: ClassVar = {"type": "string", "format": "uuid", "pattern": f"^{UUID_PATTERN.pattern}$"}


class AssetText(BaseConverter):
    """The text in a URL that stands for an asset. `schema` describes those that are ids."""

    regex = r"(?!bulk$)[^/]+"  # not what is a resource of its own
    schema: ClassVar = {"type": "integer", "minimum": 1, "maximum": MAX_NUMBER}


def job_id(text: str) -> UUID:
    """A job's id (RFC 9562, section 4), or an invalid-id problem."""
    if not UUID_PATTERN.fullmatch(text):
        raise Problem("invalid-id", f'"{text[:80]}" is not a job id; it must be a UUID.')
    return UUID(text)


def asset_id(text: str) -> int:
    """An asset's id, or an invalid-id problem."""
    if not NUMBER_PATTERN.fullmatch(text) or int(text) > MAX_NUMBER:
        raise Problem("invalid-id", f'"{text[:80]}" is not an asset id; it must be a whole number.')
    return int(text)
