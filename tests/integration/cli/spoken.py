"""Articles in which governments say plainly where they stand, each in words of its own, so that none is a copy."""

import json
from collections.abc import Iterable
from typing import Any

Line = dict[str, Any]


def line(name: str, title: str, at: str, outlet: str | None = None, **more: Any) -> Line:
    """An article of that name, by an outlet of its own unless one is given."""
    return {
        "id": name,
        "title": title,
        "outlet": outlet or f"The {name} paper",
        "published_at": at,
        "lang": "en",
        **more,
    }


def packed(lines: Iterable[Line]) -> bytes:
    """The articles as JSON Lines."""
    return "".join(f"{json.dumps(one)}\n" for one in lines).encode()


REFUSAL = line(
    "refusal", "South Korea will not send weapons to Ukraine, the defence ministry said.", "2024-03-01T09:00:00Z"
)
REQUEST = line("request", "Ukraine asked South Korea for weapons, the foreign ministry said.", "2024-03-02T09:00:00Z")
FLOWERS = line("flowers", "The tulips of Lisse are late this year, growers say.", "2024-03-02T10:00:00Z")

CLOSED = (
    line(
        "closed-1", "Finland refuses to reopen its border crossings with Russia, the prime minister said.", "2025-03-01"
    ),
    line("closed-2", "Finland rejected calls to open the border with Russia, the government said.", "2025-03-01"),
    line("closed-3", "Finland ruled out opening any crossing to Russia, the foreign ministry said.", "2025-03-02"),
    line("closed-4", "The Finnish government refused to open its border with Russia on Sunday.", "2025-03-02"),
)
OPENED = (
    line("open-1", "Finland agreed to open its border crossings with Russia, the government said.", "2025-03-20"),
    line("open-2", "Finland agreed to open the border with Russia, Helsinki said.", "2025-03-20"),
    line(
        "open-3", "Finland has agreed to reopen crossings to Russia, the prime minister of Finland said.", "2025-03-20"
    ),
    line("open-4", "The Finnish government has agreed to open the border with Russia.", "2025-03-21"),
    line("open-5", "Finland agreed with Russia to open four crossings, the foreign ministry announced.", "2025-03-21"),
    line(
        "open-6",
        "Finland agreed on Thursday to let traffic cross its border with Russia, the interior minister said.",
        "2025-03-21",
    ),
)
