"""Small pieces of SVG: scales, ticks, text, paths. No script, no font and no style from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Okabe and Ito's palette: told apart with any kind of colour vision
BLUE, VERMILLION, GREEN, ORANGE, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"
SKY = "#56B4E9"
INK, MUTED, RULE = "#1f2328", "#57606a", "#d0d7de"


@dataclass(frozen=True)
class Scale:
    """Maps values in [low, high] to pixels in [start, stop].

    Example:
        >>> Scale(0.0, 2.0, 100.0, 300.0)(1.0)
        200.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers inside the scale, at most about `most` of them.

        Example:
            >>> Scale(0.0, 1.0, 0.0, 100.0).ticks()
            [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]


def spread(values: Sequence[float], start: float, stop: float, margin: float = 0.08) -> Scale:
    """A scale that shows all values with some air, also where all of them are equal."""
    low, high = min(values), max(values)
    air = (high - low) * margin or 0.05
    return Scale(low - air, high + air, start, stop)


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    size: int = 13,
    fill: str = INK,
    bold: bool = False,
) -> str:
    """One line of text."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{weight}>'
        f"{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = RULE, width: float = 1.0) -> str:
    """A straight line."""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width}"/>'


def area(points: Sequence[tuple[float, float]], fill: str, tip: str = "") -> str:
    """A filled shape through the points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return f'<polygon points="{path}" fill="{fill}">{title}</polygon>'


def marker(x: float, y: float, fill: str, shape: int, tip: str) -> str:
    """A point whose shape tells systems apart as well as its colour does."""
    r = 7.0
    title = f"<title>{escape(tip)}</title>"
    style = f'fill="{fill}" stroke="#fff" stroke-width="1.5"'
    if shape % 5 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" {style}>{title}</circle>'
    corners = {
        1: [(-r, -r), (r, -r), (r, r), (-r, r)],
        2: [(0, -1.3 * r), (1.2 * r, r), (-1.2 * r, r)],
        3: [(0, -1.3 * r), (1.3 * r, 0), (0, 1.3 * r), (-1.3 * r, 0)],
        4: [(0, 1.3 * r), (1.2 * r, -r), (-1.2 * r, -r)],
    }[shape % 5]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{path}" {style}>{title}</polygon>'


def figure(width: int, height: int, parts: Sequence[str], label: str) -> str:
    """A whole drawing with a description for screen readers."""
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(label)}">{body}</svg>'
    )


def x_axis(scale: Scale, y: float, *, most: int = 5, top: float | None = None) -> list[str]:
    """Ticks and their numbers below `y`; with `top`, faint lines up to it."""
    parts = [line(scale.start, y, scale.stop, y)]
    for value in scale.ticks(most):
        x = scale(value)
        parts.append(line(x, y, x, y + 4) if top is None else line(x, y + 4, x, top))
        parts.append(text(x, y + 17, f"{value:g}", anchor="middle", size=11, fill=MUTED))
    return parts
