"""What every contract shares: frozen, strict, versioned, and identified by its content."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from schemas.ids import content_id

__all__ = [  # ids are made where their contracts are
    "ContentId", "Contract", "NonEmpty", "SecretName", "SecretRef", "Slug", "StreamContract", "UtcDatetime",
    "content_id",
]  # fmt: skip


class Contract(BaseModel):
    """A frozen, strict value; unknown fields are an error, because a stream's name carries its version."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )


class StreamContract(Contract):
    """A contract that travels on a stream; `schema_version` is the n of the stream's `.vn`."""

    schema_version: int = Field(default=1, ge=1, le=1)


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
ContentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
# Ids people write: they stand in file names, URLs, keys and on the command line.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,127}$")]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]


class SecretRef(Contract):
    """The name of a secret, `{secret: NAME}`; whoever uses it knows where its value comes from."""

    secret: SecretName
