"""What a view says of itself, beside it: the description is made from nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from marshmallow import Schema

View = TypeVar("View", bound=Callable[..., Any])

JSON, CSV, HTML = "application/json", "text/csv", "text/html"


@dataclass(frozen=True)
class Success:
    """An answer that is no problem: what it is, the schema of its JSON, and the headers it may have.

    `or_as`: other media types that it can be had as.
    """

    what: str
    schema: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    media_type: str = JSON
    or_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An operation: what it takes, and what it answers beside the problems that every operation has."""

    answers: Mapping[int, Success]
    query: type[Schema] | None = None
    headers: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    public: bool = False


def operation(
    answers: Mapping[int, Success],
    *,
    query: type[Schema] | None = None,
    headers: tuple[str, ...] = (),
    body: Mapping[str, Any] | None = None,
    problems: tuple[str, ...] = (),
    public: bool = False,
) -> Callable[[View], View]:
    """Describe a view; its docstring is the rest of the description."""
    described = Operation(answers, query, headers, body or {}, problems, public)

    def decorate(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return decorate


def of_view(view: Callable[..., Any]) -> Operation:
    """What the view says of itself; LookupError if that is nothing."""
    found: Operation | None = getattr(view, "operation", None)
    if found is None:
        raise LookupError(f"{view.__module__}.{view.__name__} does not describe itself; give it @operation")
    return found
