"""Tables of `result_pages.py` on the service."""

from __future__ import annotations

from collections.abc import Iterator

from result_tables import Content, table


def clients(content: Content) -> Iterator[str]:
    rows = [
        [
            f"{name} {one['version']}",
            f"{one['in_the_same_order']} of {one['lists']}",
            f"{one['largest_difference_of_a_score']:g}",
            one["refused"]["wrong key"]["raises"],
        ]
        for name, one in content["clients"].items()
    ]
    return table(("client", "same order", "largest difference of a score", "raises for a wrong key"), rows)
