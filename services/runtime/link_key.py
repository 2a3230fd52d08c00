"""The key that signs links in messages: made once, and the same for every process that shares the store."""

import secrets

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime.faults import UnavailableError

KEY_BYTES = 32


async def link_key(client: Redis, *, namespace: str = "redline") -> bytes:
    """Return the key; whoever asks first makes it. Without it, links that were sent before lead nowhere.

    Raises UnavailableError.
    """
    name = f"{namespace}:link_key"
    try:
        await client.set(name, secrets.token_bytes(KEY_BYTES), nx=True)
        key = await client.get(name)
    except (RedisError, OSError) as error:
        raise UnavailableError(f"the key of links cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise UnavailableError(f"the key of links, {name}, is not one of ours; remove it, and links are signed anew")
    return key
