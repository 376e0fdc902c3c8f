"""Ids in URLs."""

from uuid import UUID

import pytest

from bulkimport.web import ids
from bulkimport.web.problems import Problem

ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


@pytest.mark.parametrize("text", [ID, ID.upper()])
def test_a_uuid_is_a_job_id(text: str) -> None:
    assert ids.job_id(text) == UUID(ID)


@pytest.mark.parametrize(
    "text",
    ["x", ID[:-1], ID + "0", f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), ID + "\n", "٠" + ID[1:]],
)
def test_anything_else_is_not_a_job_id(text: str) -> None:
    with pytest.raises(Problem) as problem:
        ids.job_id(text)
    assert problem.value.type == "invalid-id"


def test_a_whole_number_is_an_asset_id() -> None:
    assert ids.asset_id("9223372036854775807") == 2**63 - 1


@pytest.mark.parametrize("text", ["0", "-1", "01", "1.0", "x", "9223372036854775808", "1" * 30, "١"])
def test_anything_else_is_not_an_asset_id(text: str) -> None:
    with pytest.raises(Problem) as problem:
        ids.asset_id(text)
    assert problem.value.type == "invalid-id"
