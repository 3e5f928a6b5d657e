"""One encoding of a passage for all threads that ask for it at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from threading import Event, Lock

from compositional_rerank.concurrency.deadline import wait_for
from compositional_rerank.encoding.encoded_text import EncodedText


class _Claim:
    """A passage that one thread encodes; ``entry`` is there once ``done`` is set, None where that failed."""

    def __init__(self) -> None:
        self.done = Event()
        self.entry: EncodedText | None = None
        self.kept = False


Entries = dict[bytes, EncodedText]
Encode = Callable[[dict[bytes, str]], Entries]
Keep = Callable[[Entries], bool]
LookAgain = Callable[[list[bytes]], Entries]


class Once:
    """Which passages are being encoded, and by whom.

    A thread first encodes what nobody else does, then waits for the others: so none waits for one that waits.
    Where a thread fails or is given up, those who waited for it encode the passage themselves.

    Example:
        >>> once = Once()
        >>> once.encoded({}, once.ended, dict, lambda entries: True, lambda keys: {})
        {}
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = Lock()
        self._claims: dict[bytes, _Claim] = {}
        self._process = os.getpid()
        self.ended = 0
        """How many encodings have ended: what the store lacked before one did, it may have now."""

    def __len__(self) -> int:
        """Number of passages that are being encoded."""
        return len(self._claims)

    def encoded(
        self,
        texts: Mapping[bytes, str],
        since: int,
        encode: Encode,
        keep: Keep,
        look_again: LookAgain,
        *,
        must_keep: bool = False,
    ) -> Entries:
        """The entries of passages, by key.

        Args:
            texts: the passages that the store lacks, by key.
            since: what `ended` was before the store was read.
            encode: encodes some of them.
            keep: puts entries into the store; whether it kept them.
            look_again: those of some keys that the store has by now.
            must_keep: whether an entry that another thread could not keep is encoded anew.
        """
        found: Entries = {}
        while missing := {key: text for key, text in texts.items() if key not in found}:
            mine, others, ended = self._claimed(missing)
            try:
                if mine and ended != since:
                    found |= look_again(list(mine))
                since = ended
                wanted = {key: missing[key] for key in mine if key not in found}
                found |= encode(wanted) if wanted else {}
                for key, claim in mine.items():
                    claim.entry, claim.kept = found[key], key not in wanted
                if wanted and keep({key: found[key] for key in wanted}):
                    for key in wanted:
                        mine[key].kept = True
            finally:
                self._end(mine)
            for key, claim in others.items():
                wait_for(claim.done.wait)
                if claim.entry is not None and (claim.kept or not must_keep):
                    found[key] = claim.entry
        return found

    def _claimed(self, keys: Iterable[bytes]) -> tuple[dict[bytes, _Claim], dict[bytes, _Claim], int]:
        """Claims of the keys that nobody has, those of others, and what `ended` was then."""
        if self._process != os.getpid():  # forked: the threads that would end the claims are not here
            self._reset()
        with self._lock:
            others = {key: self._claims[key] for key in keys if key in self._claims}
            mine = {key: _Claim() for key in keys if key not in others}
            self._claims.update(mine)
            return mine, others, self.ended

    def _end(self, mine: Mapping[bytes, _Claim]) -> None:
        with self._lock:
            self.ended += 1
            for key in mine:
                del self._claims[key]
        for claim in mine.values():
            claim.done.set()
