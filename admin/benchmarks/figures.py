"""What is measured, what is wanted of it, and how both are shown. Pure.

A part of the benchmarks is a module with a `PART`: a table of what is wanted, and a
function that measures and notes what it finds in the `Notes` it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import Factory, define, frozen

RATIO = "x"
"""The unit of a ratio: what stays comparable from machine to machine."""

Cell = str | float | int


@frozen
class Wanted:
    """A limit that a figure is to keep, and how the figure is measured."""

    limit: float
    how: str
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a value keeps the limit."""
        return value >= self.limit if self.at_least else value <= self.limit

    def words(self, unit: str) -> str:
        """Say the limit."""
        return f"{'>=' if self.at_least else '<='} {shown(self.limit, unit)}"


def at_most(limit: float, how: str) -> Wanted:
    """Want a figure to be no more than `limit`."""
    return Wanted(limit, how)


def at_least(limit: float, how: str) -> Wanted:
    """Want a figure to be no less than `limit`."""
    return Wanted(limit, how, at_least=True)


@frozen
class Figure:
    """A number that was measured; `wanted` is None where nothing is."""

    name: str
    value: float
    unit: str
    wanted: Wanted | None = None

    @property
    def met(self) -> bool:
        """Whether it is as wanted; what nothing is wanted of, is."""
        return self.wanted is None or self.wanted.met(self.value)


@define
class Notes:
    """What a part has found: figures by name, and tables of details by title.

    A table is a list of rows, each from a column's name to a cell.
    """

    wanted: Mapping[str, Wanted]
    figures: list[Figure] = Factory(list)
    tables: dict[str, list[Mapping[str, Cell]]] = Factory(dict)

    def figure(self, name: str, value: float, unit: str) -> None:
        """Note a figure."""
        self.figures.append(Figure(name, value, unit, self.wanted.get(name)))

    def row(self, title: str, cells: Mapping[str, Cell]) -> None:
        """Note a row of the table `title`."""
        self.tables.setdefault(title, []).append(cells)

    def missing(self) -> list[str]:
        """Name what is wanted and was not measured."""
        found = {figure.name for figure in self.figures}
        return [name for name in self.wanted if name not in found]


@frozen
class Bench:
    """What a part is given: a directory, where to say how far it is, and `quick`.

    With `quick` it is to measure the same things in smaller sizes.
    """

    scratch: Path
    say: Callable[[str], None]
    quick: bool


@frozen
class Part:
    """A part of the benchmarks. `wanted` goes by the names of figures."""

    name: str
    about: str
    wanted: Mapping[str, Wanted]
    measure: Callable[[Bench, Notes], None]


def shown(value: float, unit: str) -> str:
    """Write a number with its unit, three digits of it."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".rstrip()


def table(rows: Sequence[Mapping[str, Cell]]) -> list[str]:
    """Write rows in columns: texts to the left, numbers to the right."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in columns] for row in rows]
    lines = [columns, *cells]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    left = [isinstance(rows[0].get(name, ""), str) for name in columns]
    return [
        "  ".join(
            text.ljust(width) if to_left else text.rjust(width)
            for text, width, to_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in lines
    ]


def summary(notes: Notes, before: Mapping[str, float]) -> list[str]:
    """Write the figures with what is wanted of them and what they were `before`."""
    rows = [
        {
            "what": figure.name,
            "measured": shown(figure.value, figure.unit),
            "wanted": figure.wanted.words(figure.unit) if figure.wanted else "",
            "": _verdict(figure),
            "last time": shown(before[figure.name], figure.unit)
            if figure.name in before
            else "",
        }
        for figure in notes.figures
    ]
    missing = [
        {"what": name, "measured": "not measured", "wanted": "", "": "MISSING"}
        for name in notes.missing()
    ]
    return table([*rows, *missing])


def kept(notes: Notes) -> bool:
    """Whether all that is wanted was measured, and is as wanted."""
    return not notes.missing() and all(figure.met for figure in notes.figures)


def plain(notes: Notes) -> dict[str, Any]:
    """Give all that was found as JSON can hold it."""
    return {
        "figures": [
            {
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "wanted": figure.wanted and figure.wanted.words(figure.unit),
                "met": figure.met if figure.wanted else None,
                "how": figure.wanted and figure.wanted.how,
            }
            for figure in notes.figures
        ],
        "not measured": notes.missing(),
        "tables": {
            title: list(map(dict, rows)) for title, rows in notes.tables.items()
        },
    }


def remembered(notes: Notes) -> dict[str, float]:
    """Give what a line of the history keeps: ratios, and whatever has a limit."""
    return {
        figure.name: float(f"{figure.value:.4g}")
        for figure in notes.figures
        if figure.wanted is not None or figure.unit == RATIO
    }


def last_time(
    history: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], *, quick: bool
) -> Mapping[str, Mapping[str, float]]:
    """Give the newest figures of each part that this machine had, in these sizes."""
    found: dict[str, Mapping[str, float]] = {}
    for line in history:
        if line["machine"] == machine and line["quick"] == quick:
            found.update(line["parts"])
    return found


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else shown(value, "")


def _verdict(figure: Figure) -> str:
    if figure.wanted is None:
        return ""
    return "met" if figure.met else "MISSED"
