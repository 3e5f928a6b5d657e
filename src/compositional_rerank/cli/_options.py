"""What the verbs' parsers share: errors of one line, readers of values, options that mean the same."""

from __future__ import annotations

import argparse
import difflib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from compositional_rerank._validation import BACKENDS, NEAR_MISSES, ORDERS, SHIPPED
from compositional_rerank.errors import InputError

SEEDS = 2**32 - 1
UNVERIFIED = "another model judges nothing, which stderr says: name it with --encoder"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one line, exit code 2, and an option that is unknown is called that."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see: {self.prog} --help")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse does it, except that nothing may be left over, and files may stand on both sides."""
        given = list(args or ())
        self._check_options(given)
        known, left = super().parse_known_args(given, namespace)
        if left and "files" in known:
            known.files, left = [*known.files, *(word for word in left if word != "--")], []
        if left:
            self.error(f"unexpected argument {left[0]!r:.60}: put a text of several words in quotes")
        return known, left

    def _check_options(self, given: list[str]) -> None:
        """Name an unknown option before argparse takes what follows it for a file."""
        options = self._option_string_actions
        before = ""
        for word in given:
            if word == "--" or (self._subparsers is not None and not self._is_option(word)):
                return
            name = word.partition("=")[0]
            known = name in options or (name[:2] == "--" and any(o.startswith(name) for o in options))
            if self._is_option(word) and not known:
                if before in options and options[before].nargs is None and name[:2] != "--":
                    self.error(
                        f"{before} needs a value, {word!r:.40} looks like an option: write {before}={word}"
                    )
                guess = name.replace("_", "-").lower().strip("-")
                near = difflib.get_close_matches(guess, [option.strip("-") for option in options], 1)
                hint = f", the nearest is --{near[0]}" if near else ""
                if self._subparsers is not None and not near:
                    hint = ": the options of a verb stand behind it"
                self.error(f"unknown option {name}{hint}")
            before = word

    def _is_option(self, word: str) -> bool:
        if word[:1] != "-" or word == "-" or " " in word:
            return False
        return not self._negative_number_matcher.match(word)


def integer(
    low: int, high: int | None = None, *, fix: str = "leave it out for the default"
) -> Callable[[str], int]:
    """Reader of an option that is an integer of at least ``low``, and of at most ``high``."""

    def read(value: str) -> int:
        try:
            number = int(value)
            if number >= low and (high is None or number <= high):
                return number
        except ValueError:
            pass
        limit = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"must be an integer {limit}, got {value!r:.40}; {fix}")

    return read


def bound(
    low: float, high: float, *, inside: bool = False, fix: str = "leave it out for the default"
) -> Callable[[str], float]:
    """Reader of an option that is a number in ``[low, high]``, or ``inside``: in ``(low, high)``."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if low < number < high if inside else low <= number <= high:
            return number
        limit = f"in [{low:g}, {high:g}]"
        if inside:
            limit = f"above {low:g}" + (f" and below {high:g}" if high < math.inf else "")
        raise argparse.ArgumentTypeError(f"must be a number {limit}, got {value!r:.40}; {fix}")

    return read


def place(value: str) -> Path:
    """Reader of an option that names a file or folder; ``~`` is the home folder."""
    if not value.strip():
        raise argparse.ArgumentTypeError(f"must name a file or folder, got {value!r}")
    return Path(os.path.expanduser(value))  # of a user who does not exist, too


def store_place(value: str) -> Path | str:
    """Reader of ``--store``: a folder, or the address of a shared store."""
    if "://" not in value:
        return place(value)
    from compositional_rerank.store import StoreUrl  # loading torch takes seconds

    return StoreUrl(value)


def layout(value: str) -> str:
    """Reader of ``--format``: ``table`` is the old name of ``text``."""
    return "text" if value == "table" else value


def threshold(value: str) -> float | str:
    """Reader of ``--threshold``."""
    return value if value == SHIPPED else bound(0.0, 1.0, fix=f"{SHIPPED} is the model's own")(value)


def add_policy_options(parser: argparse._ActionsContainer) -> None:
    """Add ``--order``, ``--near-misses`` and ``--threshold``."""
    parser.add_argument(
        "--order",
        choices=ORDERS,
        default="auto",
        help="what verdicts change: retriever keeps the order and the scores that came in, relevance is the "
        "order of MaxSim, mix a mixture of both, auto that mixture, or relevance where there are no scores "
        "and the list seems to be in no order (auto)",
    )
    parser.add_argument(
        "--near-misses",
        choices=NEAR_MISSES,
        default="demote",
        help="what becomes of near-misses: demote puts them behind all that are none, penalise only lowers "
        "their scores, drop leaves them out, mark leaves them where they are (demote)",
    )
    parser.add_argument(
        "--threshold",
        type=threshold,
        default=SHIPPED,
        metavar="P",
        help=f"mismatch from which a passage is a near-miss, in [0, 1]; {SHIPPED} is the model's ({SHIPPED})",
    )


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--store`` of a verb that may do without one."""
    parser.add_argument(
        "--store",
        type=store_place,
        metavar="PLACE",
        help="folder or redis://... where encoded passages are kept; see warm (memory)",
    )


def add_model_options(
    parser: argparse._ActionsContainer, *, verifies: bool = True, encodes: bool = False
) -> None:
    """Add the options that name a model and its parts, ``--verifier`` where it ``verifies``.

    One that ``encodes`` cannot do without an encoder.
    """
    parser.add_argument(
        "--model",
        metavar="M",
        help=f"checkpoint, a folder or a name (the shipped one); {UNVERIFIED}",
    )
    parser.add_argument(
        "--encoder",
        metavar="E",
        help="another encoder beside the verifier: a sentence-transformers or late-interaction model"
        + (", or none: the order stays as it comes, but for near-misses" if verifies and not encodes else ""),
    )
    if verifies:
        parser.add_argument(
            "--verifier",
            metavar="V",
            help="another verifier: a checkpoint, a cross-encoder trained on inference, or none",
        )
    parser.add_argument("--device", metavar="D", help="torch device, such as cpu or cuda (the best there is)")
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help=f"what computes; openvino is faster on CPUs ({BACKENDS[0]})",
    )
