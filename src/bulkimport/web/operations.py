"""Each view's description of itself, from which the OpenAPI description is generated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from marshmallow import Schema

View = TypeVar("View", bound=Callable[..., Any])

JSON, CSV, HTML = "application/json", "text/csv", "text/html"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True)
class Success:
    """An answer other than a problem: what it is, the schema of its JSON, and the headers it may have.

    `or_as` lists the other media types in which it is available.
    """

    description: str
    schema: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    media_type: str = JSON
    or_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An operation: its name, its input, and its answers besides the problems that every operation has."""

    operation_id: str
    answers: Mapping[int, Success]
    query: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    public: bool = False


def operation(
    operation_id: str,
    answers: Mapping[int, Success],
    *,
    query: type[Schema] | None = None,
    headers: tuple[str, ...] = (),
    body: Mapping[str, Any] | None = None,
    problems: tuple[str, ...] = (),
    public: bool = False,
) -> Callable[[View], View]:
    """Describe a view; its docstring becomes the summary and the text of the description.

    `operation_id` becomes the name of a method in generated clients, so it must be unique.
    """
    described = Operation(operation_id, answers, query, headers, body or {}, problems, public)

    def decorate(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return decorate


def of_view(view: Callable[..., Any]) -> Operation:
    """The description of a view. Raises LookupError if it has none."""
    described: Operation | None = getattr(view, "operation", None)
    if described is None:
        raise LookupError(f"{view.__module__}.{view.__name__} does not describe itself; give it @operation")
    return described
