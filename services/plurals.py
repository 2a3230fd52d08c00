"""Numbers of things, as people write them."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 feed`, `2,000 feeds`, `3 aliases`, `2 matches`."""
    plural = f"{noun}es" if noun.endswith(("s", "ch", "sh", "x")) else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
