"""Explanations as pages of their own, which the page shows in a frame."""

from __future__ import annotations

import secrets
from collections import OrderedDict

from compositional_rerank.serving.http.errors import Refused

_MOST = 32


class Explanations:
    """The last few, each under a name that cannot be guessed."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, str] = OrderedDict()

    def keep(self, page: str) -> str:
        """Keep a page, and forget the oldest; returns its name."""
        name = secrets.token_urlsafe(16)
        self._pages[name] = page
        if len(self._pages) > _MOST:
            self._pages.popitem(last=False)
        return name

    def page(self, name: str) -> str:
        """A page that was kept.

        Raises:
            Refused: 404, it is not kept any more.
        """
        if name not in self._pages:
            raise Refused(404, f"this explanation is gone, the last {_MOST} are kept: press Explain again")
        return self._pages[name]
