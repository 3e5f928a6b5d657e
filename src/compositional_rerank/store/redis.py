"""RedisStore: token vectors in Redis, shared by machines."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError, MissingDependencyError, StoreError
from compositional_rerank.store.index import key_words
from compositional_rerank.store.quantise import check_dtype
from compositional_rerank.store.sealed import seal, unseal
from compositional_rerank.store.url import PASSWORD_VARIABLE, StoreUrl

if TYPE_CHECKING:
    from redis import Redis

_Result = TypeVar("_Result")

_TOGETHER = 32  # passages of one call of the script
_DAMAGED = "they count as missing and are encoded again"

# The index has the order in which passages came, the sizes theirs and the sum. What the server dropped,
# because its time was over or memory short, is taken out of the books once it is among the oldest.
_PUT = """
local index, sizes, stem = KEYS[1], KEYS[2], ARGV[1]
local ttl, budget = tonumber(ARGV[2]), tonumber(ARGV[3])

local function forget(name)
  local size = redis.call('HGET', sizes, name)
  if size then
    redis.call('HINCRBY', sizes, 'sum', -tonumber(size))
    redis.call('HDEL', sizes, name)
  end
  redis.call('ZREM', index, name)
end

for place = 4, #ARGV, 2 do
  local name, value = ARGV[place], ARGV[place + 1]
  if budget > 0 and #value > budget then
    redis.call('DEL', stem .. name)
    forget(name)
  else
    redis.call('SET', stem .. name, value) -- first: after another write it would get past maxmemory
    forget(name)
    if ttl > 0 then redis.call('EXPIRE', stem .. name, ttl) end
    redis.call('ZADD', index, redis.call('HINCRBY', sizes, 'count', 1), name)
    redis.call('HSET', sizes, name, #value)
    redis.call('HINCRBY', sizes, 'sum', #value)
  end
end
for _, name in ipairs(redis.call('ZRANGE', index, 0, 99)) do
  if redis.call('EXISTS', stem .. name) == 0 then forget(name) end
end
while budget > 0 and tonumber(redis.call('HGET', sizes, 'sum') or 0) > budget do
  local oldest = redis.call('ZRANGE', index, 0, 0)
  if #oldest == 0 then break end
  redis.call('DEL', stem .. oldest[1])
  forget(oldest[1])
end
"""


class RedisStore:
    """Keeps token vectors in a Redis or Valkey server, which any number of machines read and write.

    A list of candidates is read in one round trip, and written in one. Every passage has a checksum and is
    checked before it is used: a damaged one counts as missing, with a warning. Nothing is asked of the server
    until the first use. What was written is as safe from a crash as the server's own settings make it.

    Args:
        url: the address, as `StoreUrl` says: ``redis://:password@host:6379/0?ttl=86400``.
        dtype: float32, float16, int8, int4 or int3; None is what the address says, int8 if it says nothing.
            Stores of several dtypes and models can share a server: their keys differ.

    Raises:
        InputError: the dtype is wrong.
        MissingDependencyError: redis-py is not installed.
        StoreError: the address is wrong, or lost its password on the way through a file, and the environment
            has none.

    Example:
        >>> RedisStore("redis://:secret@localhost:6379/0?max_bytes=8000000000").url
        'redis://:***@localhost:6379/0?max_bytes=8000000000'
    """

    read_only = False
    max_passage_bytes = 16 << 20  # longer passages are encoded at every query

    def __init__(self, url: str, dtype: str | None = None) -> None:
        self.url = StoreUrl(url)
        address = self._address = self.url.address()
        if dtype is not None and "dtype=" in self.url and dtype != address.dtype:
            raise InputError(f"store {self.url} has another dtype than {dtype!r:.20}: leave one of them out")
        self.dtype = check_dtype(dtype or address.dtype)
        if dtype is not None:
            self.url = self.url.with_dtype(self.dtype)  # which a copy of this store is made from
        if self.url.lacks_password:
            raise StoreError(
                f"store {self.url} had a password, which is written nowhere: pass the whole address, or set "
                f"${PASSWORD_VARIABLE}"
            )
        self._told_of_length = False
        self._client: Redis | None = self._connect()

    def _connect(self) -> Redis:
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError
            from redis.retry import Retry
        except ImportError as error:
            raise MissingDependencyError(
                f"store {self.url} needs the package redis; fix: pip install 'compositional-rerank[redis]'"
            ) from error
        address = self._address
        where: dict[str, Any] = {"host": address.host, "port": address.port}
        if address.scheme == "unix":
            where = {"unix_socket_path": address.host}
        elif address.scheme == "rediss":
            where |= {"ssl": True, **address.tls}
        return Redis(
            db=address.database,
            username=address.user,
            password=address.password,
            socket_timeout=address.timeout,
            socket_connect_timeout=address.timeout,
            # at once and once, for a connection that a restarted server has forgotten; never after a timeout
            retry=Retry(NoBackoff(), 1, (ConnectionError,)),
            protocol=2,
            **where,
        )

    def __enter__(self) -> RedisStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of passages, of every model and dtype; some that the server dropped lately may count."""
        return int(self._ask("read", lambda client: client.zcard(self._name("index"))))

    @property
    def nbytes(self) -> int:
        """Bytes of those passages, without what the server needs for itself."""
        return int(self._ask("read", lambda client: client.hget(self._name("sizes"), "sum")) or 0)

    def describe(self) -> dict[str, Any]:
        """What the store holds: url, dtype, passages and bytes."""
        return {"url": str(self.url), "dtype": self.dtype, "passages": len(self), "bytes": self.nbytes}

    def close(self) -> None:
        """Close the connections; what came out of the store stays usable."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """The entries of the keys, in their order; None where there is none, or a damaged one.

        Raises:
            StoreError: the server does not answer, or refuses.
        """
        salts = key_words(keys)[:, 1].tolist()
        if not keys:
            return []
        names = [self._name(key.hex()) for key in keys]
        values: list[Any] = self._ask("read", lambda client: client.mget(names))
        result = unseal(values, self.dtype, salts)
        damaged = len(values) - values.count(None) - (len(result) - result.count(None))
        if damaged:
            self._warn(f"{damaged} passages are damaged; {_DAMAGED}", RuntimeWarning)
        return result

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        """Whether the store has each key; the passages are not read, so a damaged one counts, too.

        Raises:
            StoreError: the server does not answer, or refuses.
        """
        key_words(keys)

        def ask(client: Redis) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.exists(self._name(key.hex()))
            return list(pipeline.execute())

        return list(map(bool, self._ask("read", ask))) if keys else []

    def put(self, entries: Mapping[bytes, EncodedText]) -> None:
        """Keep entries; over ``max_bytes``, those that came first go.

        Raises:
            StoreError: the server does not answer, or refuses; some of the entries may be kept.
        """
        words = key_words(list(entries))
        packed = [
            (key.hex(), seal(entry, self.dtype, int(salt)))
            for (key, entry), salt in zip(entries.items(), words[:, 1], strict=True)
        ]
        kept = [part for part in packed if len(part[1]) <= self.max_passage_bytes]
        if len(kept) < len(packed) and not self._told_of_length:
            self._told_of_length = True
            longest, most = max(len(value) for _, value in packed), self.max_passage_bytes
            self._warn(
                f"a passage takes {longest} bytes, the most is {most}: such passages are not kept and are "
                "encoded at every query",
                UserWarning,
            )
        address = self._address
        settings = (self._name(""), address.ttl or 0, address.max_bytes or 0)

        def ask(client: Redis) -> None:
            pipeline, parts = client.pipeline(transaction=False), iter(kept)
            while some := list(islice(parts, _TOGETHER)):
                names = (self._name("index"), self._name("sizes"))
                pipeline.eval(_PUT, 2, *names, *settings, *(word for part in some for word in part))
            pipeline.execute()

        if kept:
            self._ask("written to", ask)

    def _name(self, what: str) -> str:
        # the braces keep all keys on one server of a cluster behind a proxy
        return f"{{{self._address.prefix}}}:{what}"

    def _ask(self, what: str, ask: Callable[[Redis], _Result]) -> _Result:
        """What the server answers; its errors as ours, without the password."""
        from redis.exceptions import RedisError

        client = self._client
        if client is None:
            raise StoreError(f"store {self.url} is closed: open it again")
        try:
            return ask(client)
        except (RedisError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
            if self._address.password:
                reason = reason.replace(self._address.password, "***")
        raise StoreError(
            f"store {self.url} cannot be {what} ({reason:.300}): start the server, or correct the address"
        )

    def _warn(self, what: str, kind: type[Warning]) -> None:
        warnings.warn(f"store {self.url}: {what}", kind, stacklevel=4)
