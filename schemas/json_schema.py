"""The contracts as JSON Schema, for those who read the streams with other tools: `python -m schemas.json_schema`."""

import json
from pathlib import Path

from pydantic import BaseModel

from schemas.claim import Claim
from schemas.feed import Feed
from schemas.ladder import Ladder
from schemas.notification import Notification
from schemas.shift import Correction, Position, Shift
from schemas.streams import STREAMS
from schemas.watch import Actor, WatchRule, WatchTopic

FOLDER = Path(__file__).parent / "v1"
CONTRACTS: tuple[type[BaseModel], ...] = (
    *(stream.contract for stream in STREAMS),
    Feed,
    Actor,
    WatchRule,
    WatchTopic,
    Notification,
    Claim,
    Ladder,
    Position,
    Shift,
    Correction,
)


def file_name(contract: type[BaseModel]) -> str:
    """Return the name of the contract's file: DeadLetter is in dead_letter.json."""
    name = contract.__name__
    return (
        "".join(f"_{char.lower()}" if char.isupper() and at else char.lower() for at, char in enumerate(name)) + ".json"
    )


def render(contract: type[BaseModel]) -> str:
    """Return the JSON Schema of a contract as it is committed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **contract.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write every schema to its file."""
    FOLDER.mkdir(exist_ok=True)
    for contract in CONTRACTS:
        (FOLDER / file_name(contract)).write_text(render(contract), encoding="utf-8")


if __name__ == "__main__":
    main()
