"""Slack's limits on a message, checked where slack_sdk and blockkit leave gaps."""

from collections.abc import Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_TEXT = 3_000
MAX_HEADER = 150
MAX_CONTEXT_ELEMENTS = 10
MAX_ACTIONS = 25
MAX_FIELDS = 10
MAX_FIELD = 2_000
MAX_BUTTON_TEXT = 75
MAX_BUTTON_VALUE = 2_000
MAX_URL = 3_000
MAX_ID = 255
MAX_FALLBACK = 4_000
MAX_TOTAL = 13_200  # measured; beyond about this Slack answers msg_blocks_too_long
MAX_METADATA = 8_000


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of a payload, in its order."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a payload, with the type of the object that holds it."""
    for one in objects(value):
        if isinstance(one.get("text"), str):
            yield str(one.get("type")), one["text"]


def total(blocks: Any) -> int:
    """What counts towards the limit of a whole message, read strictly: all texts and addresses."""
    said = sum(len(text) for _, text in texts(blocks))
    return said + sum(len(one["url"]) for one in objects(blocks) if isinstance(one.get("url"), str))


def faults(payload: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse in the body of a message."""
    blocks = payload.get("blocks") or []
    found = [_too_long("text", payload.get("text", ""), MAX_FALLBACK), _too_many("blocks", blocks, MAX_BLOCKS)]
    if not payload.get("text") and not blocks:
        found.append("no_text")
    if total(blocks) > MAX_TOTAL:
        found.append(f"msg_blocks_too_long: {total(blocks)}")
    if len(str(payload.get("metadata", ""))) > MAX_METADATA:
        found.append("metadata_too_large")
    for block in blocks:
        found += _block_faults(block)
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        found.append("two blocks share a block_id")
    for one in objects(blocks):
        found += _object_faults(one)
    return [fault for fault in found if fault]


def _block_faults(block: Mapping[str, Any]) -> list[str]:
    kind = block.get("type")
    found = []
    if kind == "header":
        found.append(_too_long("header", block["text"]["text"], MAX_HEADER))
    if kind == "context":
        found.append(_too_many("context elements", block["elements"], MAX_CONTEXT_ELEMENTS))
    if kind == "actions":
        found.append(_too_many("actions", block["elements"], MAX_ACTIONS))
        ids = [element["action_id"] for element in block["elements"]]
        found.append("" if len(ids) == len(set(ids)) else "two buttons share an action_id")
    if kind == "section":
        fields = block.get("fields", [])
        found.append(_too_many("fields", fields, MAX_FIELDS))
        found += [_too_long("field", field["text"], MAX_FIELD) for field in fields]
    if "elements" in block and not block["elements"]:
        found.append(f"{kind} without elements")
    return found


def _object_faults(one: Mapping[str, Any]) -> list[str]:
    found = []
    if isinstance(text := one.get("text"), str):
        found += [_too_long("text", text, MAX_TEXT), "" if text else "empty text"]
    for name, limit in (("url", MAX_URL), ("value", MAX_BUTTON_VALUE), ("action_id", MAX_ID), ("block_id", MAX_ID)):
        if isinstance(value := one.get(name), str):
            found += [_too_long(name, value, limit), "" if value else f"empty {name}"]
    if one.get("type") == "button":
        found.append(_too_long("button", one["text"]["text"], MAX_BUTTON_TEXT))
    if str(one.get("type", "")).startswith("rich_text_") and not one["elements"]:
        found.append(f"{one['type']} without elements")
    return found


def _too_long(what: str, text: str, limit: int) -> str:
    return f"{what} has {len(text)} characters, over {limit}" if len(text) > limit else ""


def _too_many(what: str, values: Any, limit: int) -> str:
    return f"{what}: {len(values)}, over {limit}" if len(values) > limit else ""
