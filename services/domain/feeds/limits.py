"""How long an article's title and text may be, whoever brings them."""

# Three bytes a character in Korean, and the text travels in matches too: well under Kafka's 1 MB a message.
MAX_TEXT_CHARS = 100_000
MAX_TITLE_CHARS = 2_000


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, ending with a whole word."""
    if len(text) <= limit:
        return text
    end = max(text.rfind(" ", 0, limit), text.rfind("\n", 0, limit))
    return text[: end if end > 0 else limit].rstrip()
