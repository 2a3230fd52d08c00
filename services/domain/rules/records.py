"""Value classes that a million rules are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Value = TypeVar("Value")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(*, eq: bool = True) -> Callable[[type[Value]], type[Value]]:
    """Make a dataclass with slots that compares by value, or with `eq=False` by identity.

    It must not be changed once made: the type checker refuses it. Refusing it at run time too, as `frozen` does, would
    more than double the cost of making one.
    """

    def make(cls: type[Value]) -> type[Value]:
        return dataclass(slots=True, eq=eq, unsafe_hash=eq)(cls)

    return make
