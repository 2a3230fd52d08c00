"""Reading the seed files as the contracts expect them: strict, with dates and yes/no left as text."""

import json
from pathlib import Path
from typing import Any

import yaml

SEEDS = Path(__file__).parents[3] / "seeds"
_TEXT_TAGS = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
_BOOLS = {"true": True, "false": False}


class TextLoader(yaml.SafeLoader):
    """A safe loader that reads timestamps and yes/no/on/off as strings, and `NO` as Norway."""


TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _TEXT_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct_bool(loader: TextLoader, node: yaml.ScalarNode) -> bool | str:
    text = str(loader.construct_scalar(node))
    return _BOOLS.get(text, text)


TextLoader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)


def load_text(text: str) -> Any:
    """Return the document as YAML data whose dates are strings."""
    return yaml.load(text, Loader=TextLoader)


def load_file(name: str) -> Any:
    """Return one seed file, named from seeds/, as YAML data."""
    return load_text((SEEDS / name).read_text(encoding="utf-8"))


def as_json(data: Any) -> str:
    """Return the data as the contracts read it in strict mode: from JSON."""
    return json.dumps(data, ensure_ascii=False)


def front_matter(path: Path) -> tuple[dict[str, Any], str]:
    """Return the front matter and the body of an article file."""
    opening, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert opening == "", f"{path.name} does not begin with front matter"
    return load_text(head), body.strip()
