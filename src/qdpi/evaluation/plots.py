"""The geometry of the report's plots, which its template draws as SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qdpi.evaluation.results import ColumnResult, Figure, known_figures, shown
from qdpi.evaluation.scoring import Column

COLORS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#806d00")
"""Colours that people with any colour vision tell apart (M. Okabe, K. Ito, "Color universal design", 2008), and two."""
GREYS: Final = {"canon": "#555555", "chance": "#aaaaaa"}
_LEFT, _WIDTH, _ROW, _TOP = 190, 520, 14, 24
_CURVE_HEIGHT: Final = 180


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its error bar, in the coordinates of its plot."""

    x: float
    y: float
    low: float
    high: float
    color: str
    label: str


@dataclass(frozen=True, slots=True)
class DotPlot:
    """Figures as rows with a dot for each column, on an axis from 0 to 1."""

    width: float
    height: float
    rows: Sequence[tuple[str, float]]
    ticks: Sequence[tuple[str, float]]
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class Curve:
    """The times of a writer in ascending order, as the points of a line."""

    name: str
    color: str
    points: str


@dataclass(frozen=True, slots=True)
class CurvePlot:
    """Curves over shares of pages (across) and seconds (up, logarithmic)."""

    width: float
    height: float
    left: float
    ticks: Sequence[tuple[str, float]]
    curves: Sequence[Curve]


def colors_of(columns: Sequence[ColumnResult] | Sequence[Column]) -> dict[str, str]:
    """Return a colour for each column by name: grey for canon and chance."""
    writers = [column.name for column in columns if column.kind == "writer"]
    drawn = {name: COLORS[place % len(COLORS)] for place, name in enumerate(writers)}
    return {column.name: GREYS.get(column.kind) or drawn[column.name] for column in columns}


def dot_plot(columns: Sequence[ColumnResult]) -> DotPlot:
    """Return every figure that a column has, as dots with a standard error to each side."""
    colors = colors_of(columns)
    figures = known_figures(columns)
    step = _ROW + 5 * len(columns)
    dots = [
        dot
        for row, figure in enumerate(figures)
        for place, column in enumerate(columns)
        if (dot := _dot(figure, column, _TOP + row * step + 8 + place * 5, colors[column.name])) is not None
    ]
    rows = [(figure.title, _TOP + row * step + 8 + 2.5 * (len(columns) - 1)) for row, figure in enumerate(figures)]
    ticks = [(f"{share:.1f}", _across(share)) for share in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    return DotPlot(_LEFT + _WIDTH + 20, _TOP + len(figures) * step + 10, rows, ticks, dots)


def _dot(figure: Figure, column: ColumnResult, y: float, color: str) -> Dot | None:
    value, error, size = column.figures[figure.name]
    if value is None:
        return None
    label = f"{column.name}, {figure.title}: {shown(column.figures[figure.name])}" + (f", n = {size}" if size else "")
    low, high = (max(0.0, value - (error or 0.0)), min(1.0, value + (error or 0.0)))
    return Dot(_across(value), y, _across(low), _across(high), color, label)


def _across(share: float) -> float:
    return round(_LEFT + _WIDTH * min(1.0, max(0.0, share)), 1)


def time_plot(columns: Sequence[Column]) -> CurvePlot | None:
    """Return the times of pages, None where none was taken."""
    colors = colors_of(columns)
    times = {column.name: _times(column) for column in columns}
    known = [seconds for each in times.values() for seconds in each]
    if not known:
        return None
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)) + 1e-9)
    high = max(high, low + 1)

    def up(seconds: float) -> float:
        return round(10 + _CURVE_HEIGHT * (1 - (math.log10(seconds) - low) / (high - low)), 1)

    curves = [Curve(name, colors[name], _points(each, up)) for name, each in times.items() if each]
    ticks = [(f"{10.0**power:g} s", up(10.0**power)) for power in range(low, high + 1)]
    return CurvePlot(_LEFT + _WIDTH + 20, _CURVE_HEIGHT + 40, _LEFT, ticks, curves)


def _times(column: Column) -> list[float]:
    found = (page.answer.seconds for page in column.pages if page.answer)
    return sorted(max(seconds, 0.001) for seconds in found if seconds is not None)


def _points(seconds: Sequence[float], up: Callable[[float], float]) -> str:
    last = max(1, len(seconds) - 1)
    return " ".join(f"{_across(place / last)},{up(each)}" for place, each in enumerate(seconds))
