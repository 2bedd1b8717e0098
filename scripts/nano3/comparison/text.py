"""How is a comparison shown? As tables, in lines of text and on one offline page."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.comparison.compare import Change, Comparison, Data
from nano3.comparison.losses import Loss
from nano3.core.formatting import NONE, compact, loss, many, percent, signed
from nano3.drawing.templates import write_page

WIDTH, DIGITS = 100, 12


@dataclass(frozen=True)
class Both:
    """A cell of what was before and what is after, in words."""

    before: str
    after: str

    def __str__(self) -> str:
        return self.before if self.before == self.after else f"{self.before} -> {self.after}"


Row = tuple[str | Both, ...]


@dataclass(frozen=True)
class Table:
    """
    A section. rows: cells, as many as columns. A section without rows is the same on both sides. notes: sentences
    below.
    """

    name: str
    columns: tuple[str | Both, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def tables(comparison: Comparison) -> list[Table]:
    """All that differs, section by section; A is the side before."""
    of_own = ", per own token" if comparison.tokenizer else ""
    return [
        Table("Data", ("Dataset", "Shards", "Tokens", "What changed"), tuple(_data(each) for each in comparison.data)),
        Table(
            "Mixture",
            ("Phase", "Dataset", "Share", "Tokens drawn"),
            tuple(
                (each.phase, each.dataset, _both(each.target, percent), _both(each.drawn, compact))
                for each in comparison.mixture
            ),
        ),
        Table("Code", ("What", Both("A", "B"), "Steps"), tuple(_change(each) for each in comparison.code)),
        Table("Settings", ("Key", Both("A", "B"), "Segments"), tuple(_change(each) for each in comparison.settings)),
        Table(
            "Losses",
            ("Segment", f"Last in training{of_own}", f"Validation, {comparison.unit}", "Change", "Mean of"),
            tuple(_loss(each) for each in comparison.losses),
            tuple(f"{dataset} is not compared: {why}." for dataset, why in comparison.incomparable.items()),
        ),
    ]


def remarks(comparison: Comparison) -> list[str]:
    """What has to be known before all else: another tokenizer, and what is no longer as it was."""
    lines = []
    if comparison.tokenizer:
        name, *settings = comparison.tokenizer
        told = [str(_both(name.values, str))] if name.values[0] != name.values[1] else []
        told = told or [f"{each.key} {_both(each.values, _short)}" for each in settings]
        lines.append(
            f"Other tokenizer ({', '.join(told)}): validation losses are compared in bits per byte, "
            "losses in training not at all."
        )
    sides = zip("AB", comparison.notes, strict=True)
    return lines + [f"{letter}: {note}." for letter, notes in sides for note in notes]


def as_text(comparison: Comparison) -> str:
    """For a terminal."""
    names = [f"{letter}: {name}" for letter, name in zip("AB", comparison.names, strict=True)]
    told = [
        line
        for remark in remarks(comparison)
        for line in ("", *textwrap.wrap(remark, WIDTH, break_on_hyphens=False, break_long_words=False))
    ]
    return "\n".join([*names, *told, *_text(tables(comparison))])


def write_comparison(comparison: Comparison, page: Path) -> None:
    """As one HTML page that asks no network for anything."""
    write_page(
        page,
        Path(__file__).with_name("comparison.html.j2"),
        names=comparison.names,
        remarks=remarks(comparison),
        tables=tables(comparison),
    )


def _text(sections: Sequence[Table]) -> Iterator[str]:
    for table in sections:
        if not table.rows:
            yield f"\n{table.name}: the same"
            continue
        yield f"\n{table.name}"
        lines = [[str(cell) for cell in row] for row in (table.columns, *table.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
        for line in lines:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        yield from (f"  {note}" for note in table.notes)


def _data(data: Data) -> Row:
    counts = {"added": data.added, "removed": data.removed, "changed": data.changed}
    parts = [
        f"{count:,} {kind} ({', '.join(data.names[kind])}{', …' if count > len(data.names[kind]) else ''})"
        for kind, count in counts.items()
        if count
    ]
    parts += [f"no receipt tells the shards of {side} any more" for side in data.lost]
    words = "; ".join(parts) or "the same shards, other tokens"
    return data.dataset, _both(data.shards, "{:,}".format), _both(data.tokens, "{:,}".format), words


def _loss(losses: Loss) -> Row:
    both = None not in losses.trained
    change = _difference(losses.validation) if losses.datasets or not both else "not comparable"
    which = many(len(losses.datasets), "dataset") if losses.datasets else NONE
    return losses.segment, _both(losses.trained, loss), _both(losses.validation, loss), change, which


def _change(change: Change) -> Row:
    return change.key, _both(change.values, _short), ", ".join(change.where)


def _short(value: Any) -> str:
    """A digest by its first digits, a truth as YAML writes it, a number with its thousands, anything else as it is."""
    text = str(value)
    if isinstance(value, bool):
        return text.lower()
    if isinstance(value, int):
        return f"{value:,}"
    return text[:DIGITS] if len(text) in (40, 64) and set(text) <= set("0123456789abcdef") else text


def _both(values: tuple[Any, Any], written: Callable[[Any], str]) -> Both:
    before, after = (NONE if value is None else written(value) for value in values)
    return Both(before, after)


def _difference(values: tuple[float | None, float | None]) -> str:
    before, after = values
    return NONE if before is None or after is None else signed(after - before)
