"""Faults of routes.yaml as pydantic reports them, so that each is told with its line."""

from typing import Any, cast

from pydantic_core import InitErrorDetails, PydanticCustomError


def fault(location: tuple[int | str, ...], message: str, given: object) -> InitErrorDetails:
    """Return a fault at this place of the file."""
    # LiteralString keeps user text out of message templates; without a context nothing is substituted.
    return InitErrorDetails(type=PydanticCustomError("routes", cast("Any", message)), loc=location, input=given)
