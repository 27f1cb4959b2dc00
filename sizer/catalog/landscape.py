"""The landscape: every model of the catalog from active to total parameters, with a user's own among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sizer.catalog.listing import Filter, select
from sizer.catalog.models import CatalogEntry
from sizer.sizing.size_class import ClassPair, SizeClass, classify_pair, size_classes
from sizer.values import frozen

__all__ = ["Landscape", "LandscapeRow", "Marked", "build_landscape"]


@frozen
class Marked:
    """A model of the user's own, counted or found in the catalog."""

    reference: str
    """What was asked for."""
    id: str
    total_parameters: int | None
    active_parameters: int | None
    basis: str
    """`counted`, `declared` or `estimated`."""


@frozen
class LandscapeRow:
    """One model."""

    id: str
    total_parameters: int
    total_precision: int
    """What the total is rounded to; 1 is exact."""
    active_parameters: int | None
    active_precision: int
    basis: str
    utilisation: float | None
    """Active over total: 1 for a dense model."""
    size_class: ClassPair
    is_marked: bool
    """Whether it was asked for with `--mark`."""


@frozen
class Landscape:
    """The rows, in the order asked for, and the bands behind them."""

    rows: tuple[LandscapeRow, ...]
    bands: tuple[SizeClass, ...]
    """The size classes, smallest first; each ends where the next begins."""
    sort: str
    catalog_models: int
    """How many entries the catalog has."""
    left_out: int
    """Entries that the filters accept or may accept, but whose figures are not known."""


def build_landscape(
    entries: Sequence[CatalogEntry], wanted: Filter, marked: Iterable[Marked] = (), *, sort: str = "active"
) -> Landscape:
    """The landscape of a catalog. Models marked are in it whatever the filters say.

    Raises UsageError where a filter or the order names what no entry has.
    """
    chosen = select(entries, wanted, sort=sort)
    marks = {mark.id.casefold(): mark for mark in marked}
    rows = [_row(entry) for entry in chosen.models if entry.total_parameters and entry.id.casefold() not in marks]
    own = [_marked(mark) for mark in marks.values() if mark.total_parameters]
    return Landscape(
        rows=tuple(_merged(rows, own, sort)),
        bands=size_classes(),
        sort=sort,
        catalog_models=len(entries),
        left_out=chosen.unknown + sum(not entry.total_parameters for entry in chosen.models),
    )


def _row(entry: CatalogEntry) -> LandscapeRow:
    return _make(
        entry.id, entry.total_parameters or 0, entry.active_parameters, entry.basis,
        precisions=(entry.total_precision, entry.active_precision), is_marked=False,
    )  # fmt: skip


def _marked(mark: Marked) -> LandscapeRow:
    return _make(mark.id, mark.total_parameters or 0, mark.active_parameters, mark.basis, is_marked=True)


def _make(
    name: str, total: int, active: int | None, basis: str, *, precisions: tuple[int, int] = (1, 1), is_marked: bool
) -> LandscapeRow:
    return LandscapeRow(
        id=name,
        total_parameters=total,
        total_precision=precisions[0],
        active_parameters=active,
        active_precision=precisions[1],
        basis=basis,
        utilisation=None if active is None else min(1.0, active / total),  # a rounded count may exceed an exact one
        size_class=classify_pair(active, total),
        is_marked=is_marked,
    )


def _merged(rows: list[LandscapeRow], own: list[LandscapeRow], sort: str) -> list[LandscapeRow]:
    """Rows with the user's own at their place; in an order by date, which they have not, they come first."""
    keys = {
        "active": lambda row: (row.active_parameters is None, row.active_parameters or 0, row.total_parameters),
        "total": lambda row: (row.total_parameters, row.active_parameters or 0),
        "name": lambda row: row.id.casefold(),
    }
    return sorted([*own, *rows], key=keys[sort]) if sort in keys else [*own, *rows]
