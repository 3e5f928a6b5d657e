"""StoreUrl: the address of a shared store, which shows no password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from compositional_rerank.errors import StoreError
from compositional_rerank.store.quantise import check_dtype

PASSWORD_VARIABLE = "COMPOSITIONAL_RERANK_REDIS_PASSWORD"
_HIDDEN = "***"
_SCHEMES = ("redis", "rediss", "unix")
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_OPTIONS = ("dtype", "max_bytes", "prefix", "timeout", "ttl", *_TLS)
# What stands before the last @ is taken for a login, so that no character of a password can end it early.
_PARTS = re.compile(r"(?P<scheme>[^:/?#]*)://(?:(?P<login>.*)@)?(?P<rest>[^@]*)", re.DOTALL)
_NO_PORT = re.compile(r"^(:|[^:/?\[]+:(?![0-9]*(?:[/?]|$)))[^/?]*")  # a password whose @ was forgotten
_PREFIX = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True)
class Address:
    """What a `StoreUrl` says.

    Args:
        scheme: ``"redis"``, ``"rediss"`` with TLS, or ``"unix"``.
        host: name of the server; for ``"unix"`` the path of the socket.
        port: of the server.
        database: its number.
        user: name to log in with; None is the server's default user.
        password: None where there is none.
        dtype: precision of the entries.
        prefix: what the server's keys begin with.
        ttl: seconds after which an entry is gone; None keeps it.
        max_bytes: of the entries in all; None is no limit.
        timeout: seconds to wait for the server.
        tls: arguments for redis-py.
    """

    scheme: str
    host: str
    port: int
    database: int
    user: str | None
    password: str | None = field(repr=False)
    dtype: str
    prefix: str
    ttl: int | None
    max_bytes: int | None
    timeout: float
    tls: dict[str, str | bool]


class StoreUrl(str):
    """Address of a shared store: ``redis://[user:password@]host[:port][/database][?option=value&...]``.

    ``rediss://`` is the same with TLS, ``unix://[user:password@]/path`` a socket on this machine. Its text,
    and so what is printed, logged, pickled or written as JSON, has ``***`` in the password's place. Read back
    from there, or written without a password, it takes the one of the environment variable
    ``COMPOSITIONAL_RERANK_REDIS_PASSWORD``.

    Options: ``dtype`` (int8), ``ttl`` (seconds until an entry is gone; never), ``max_bytes`` (of all entries;
    no limit), ``prefix`` (of the server's keys; compositional-rerank), ``timeout`` (seconds to wait for the
    server; 2), and with TLS ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile`` (files) and
    ``ssl_check_hostname`` (true).

    Raises:
        StoreError: it is no such address. That is no ValueError, because argparse and pydantic show the value
            with one, and so the password.

    Example:
        >>> StoreUrl("rediss://app:secret@cache.example.com/2?ttl=86400")
        'rediss://app:***@cache.example.com/2?ttl=86400'
    """

    _login: str | None

    def __new__(cls, text: str) -> StoreUrl:
        if isinstance(text, StoreUrl):
            return text
        found = _PARTS.fullmatch(text)
        if found is None:
            raise StoreError("a store's address must look like redis://host:6379/0")
        user, colon, password = (found["login"] or "").partition(":")
        at = "@" if found["login"] is not None else ""
        rest = found["rest"] if at else _NO_PORT.sub(rf"\1{_HIDDEN}", found["rest"])
        shown = f"{found['scheme']}://{user}{colon}{_HIDDEN if password else ''}{at}{rest}"
        if "password" in found["rest"].lower():
            raise StoreError(
                "a store's address has its password before an @, not as an option: redis://:PASSWORD@host, "
                f"or in ${PASSWORD_VARIABLE}"
            )
        url = super().__new__(cls, shown)
        url._login = None if password in ("", _HIDDEN) else unquote(password)
        url.address()  # whether it can be read
        return url

    def __reduce__(self) -> tuple[type[StoreUrl], tuple[str]]:
        return StoreUrl, (str(self),)

    def __copy__(self) -> StoreUrl:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> StoreUrl:
        return self

    def with_dtype(self, dtype: str) -> StoreUrl:
        """The same address with a dtype, if it names none."""
        if "dtype=" in self:
            return self
        url = StoreUrl(f"{self}{'&' if '?' in self else '?'}dtype={dtype}")
        url._login = self._login
        return url

    @property
    def password(self) -> str | None:
        """Its own, else the environment's."""
        return self._login or os.environ.get(PASSWORD_VARIABLE) or None

    @property
    def lacks_password(self) -> bool:
        """Whether it once had a password, and neither it nor the environment has it now."""
        return f":{_HIDDEN}@" in self and self.password is None

    def address(self) -> Address:
        """Its parts.

        Raises:
            StoreError: a part is wrong or unknown.
        """
        found = _PARTS.fullmatch(self)
        assert found is not None
        if found["scheme"] not in _SCHEMES:
            raise StoreError(
                f"store {self!s:.200} has the scheme {found['scheme']!r:.20}; there are: "
                f"{', '.join(_SCHEMES)}; a folder is named by its path"
            )
        try:
            parts = urlsplit(f"{found['scheme']}://{found['rest']}")
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            return self._address(parts, options, unquote((found["login"] or "").partition(":")[0]) or None)
        except ValueError as error:
            raise StoreError(f"store {self!s:.200} is no address ({error}): {_EXAMPLE}") from None

    def _address(self, parts: SplitResult, options: dict[str, str], user: str | None) -> Address:
        unknown = sorted(options.keys() - set(_OPTIONS))
        if unknown or (parts.scheme != "rediss" and options.keys() & set(_TLS)):
            what = unknown or sorted(options.keys() & set(_TLS))
            raise StoreError(
                f"store {self!s:.200} has the option {what[0]!r:.30}; there are: {', '.join(_OPTIONS)}; "
                "those of ssl need rediss://"
            )
        local = parts.scheme == "unix"
        path = parts.path.strip("/")
        if local and (parts.netloc or not path):
            raise StoreError(f"store {self!s:.200} names no socket: unix:///path/of/the/socket")
        if not local and not parts.hostname:
            raise StoreError(f"store {self!s:.200} names no server: {_EXAMPLE}")
        prefix = options.get("prefix", "compositional-rerank")
        if not _PREFIX.fullmatch(prefix):
            raise StoreError(f"store {self!s:.200}: prefix must be letters, digits, '.', '_' and '-'")
        tls: dict[str, str | bool] = {name: options[name] for name in _TLS[:3] if name in options}
        checked = options.get("ssl_check_hostname", "true").lower()
        if checked not in ("true", "false"):
            raise StoreError(f"store {self!s:.200}: ssl_check_hostname must be true or false")
        tls["ssl_check_hostname"] = checked == "true"
        return Address(
            scheme=parts.scheme,
            host=f"/{path}" if local else parts.hostname or "",
            port=parts.port or 6379,
            database=0 if local or not path else self._number("database", path, 0),
            user=user,
            password=self.password,
            dtype=check_dtype(options.get("dtype", "int8")),
            prefix=prefix,
            ttl=self._number("ttl", options["ttl"]) if "ttl" in options else None,
            max_bytes=self._number("max_bytes", options["max_bytes"]) if "max_bytes" in options else None,
            timeout=self._seconds(options.get("timeout", "2")),
            tls=tls,
        )

    def _number(self, name: str, value: str, least: int = 1) -> int:
        if re.fullmatch("[0-9]{1,15}", value) and int(value) >= least:
            return int(value)
        raise StoreError(f"store {self!s:.200}: {name} must be an integer of at least {least}")

    def _seconds(self, value: str) -> float:
        seconds = float(value)
        if 0 < seconds <= 3600:
            return seconds
        raise StoreError(f"store {self!s:.200}: timeout must be seconds above 0, at most 3600")


_EXAMPLE = "write redis://host:6379/0"
