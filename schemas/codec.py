"""Contracts to bytes and back. A value that cannot be decoded says which field is wrong."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

C = TypeVar("C", bound=BaseModel)
MAX_FAULTS_SHOWN = 5


class DecodeError(ValueError):
    """These bytes are not the contract; the message names the fields at fault."""


def encode(value: BaseModel) -> bytes:
    """Return the JSON (UTF-8) of a contract, without the fields that hold None."""
    return value.model_dump_json(exclude_none=True).encode()


def decode(contract: type[C], raw: bytes | None) -> C:
    """Return the contract in these bytes, else raise DecodeError."""
    if raw is None:
        raise DecodeError(f"{contract.__name__}: the message has no value")
    try:
        return contract.model_validate_json(raw)
    except ValidationError as error:
        raise DecodeError(f"{contract.__name__}: {describe(error)}") from error


def describe(error: ValidationError) -> str:
    """Return the faults of a validation as `field: what is wrong`, separated by semicolons."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'value'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
    shown = faults[:MAX_FAULTS_SHOWN]
    if len(faults) > len(shown):
        shown.append(f"and {len(faults) - len(shown)} more")
    return "; ".join(shown)
