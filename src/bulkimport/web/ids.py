"""Ids in URLs, parsed strictly."""

import re
from typing import ClassVar
from uuid import UUID

from werkzeug.routing import BaseConverter

from bulkimport.web.problems import Problem

# uuid.UUID alone also accepts braces, urn:uuid: and ids without dashes.
UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NUMBER_PATTERN = re.compile(r"[1-9][0-9]{0,18}")
MAX_NUMBER = 2**63 - 1


class JobText(BaseConverter):
    """The path segment that identifies a job; `about` and `schema` describe a well-formed one."""

    regex = r"(?!(?:template\.(?:csv|xlsx)|preview)$)[^/]+"  # which are resources of their own
    about = "The job's id"
    schema: ClassVar = {"type": "string", "format": "uuid", "pattern": f"^{UUID_PATTERN.pattern}$"}


class AssetText(BaseConverter):
    """The path segment that identifies an asset; `about` and `schema` describe a well-formed one."""

    regex = r"(?!bulk$)[^/]+"  # which is a resource of its own
    about = "The asset's id"
    schema: ClassVar = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_NUMBER}


def job_id(text: str) -> UUID:
    """The job id (RFC 9562, section 4); an invalid-id problem if the text is not one."""
    if not UUID_PATTERN.fullmatch(text):
        raise Problem("invalid-id", f'"{text[:80]}" is not a job id; it must be a UUID.')
    return UUID(text)


def asset_id(text: str) -> int:
    """The asset id; an invalid-id problem if the text is not one."""
    if not NUMBER_PATTERN.fullmatch(text) or int(text) > MAX_NUMBER:
        raise Problem("invalid-id", f'"{text[:80]}" is not an asset id; it must be a whole number.')
    return int(text)
