"""Adding an entry to a catalog file."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sizer.catalog import edit
from sizer.catalog.edit import add_entry, catalog_file, entry_text, insert_entry
from sizer.catalog.models import CATALOG, CatalogEntry, check_table, load_catalog
from sizer.errors import UsageError
from sizer.tables import data_path, parse_yaml


def entry(name: str, **changes: object) -> CatalogEntry:
    """An entry of that id, changed as told."""
    values: dict[str, object] = {
        "id": name,
        "family": "Family",
        "basis": "declared",
        "source": "the model card",
        "checked": datetime.date(2026, 11, 24),
    }
    return CatalogEntry(**{**values, **changes})  # type: ignore[arg-type]


BEFORE = """\
# Models that we run.
models:
# the small one
- id: a/small
  family: Family
  basis: declared
  source: the model card  # page 2
  checked: 2026-11-24
# the large one
- id: "c/large"
  family: Family
  basis: declared
  source: the model card
  checked: 2026-11-24
# the end
"""


def test_the_shipped_file_is_written_as_entries_are() -> None:
    """Every shipped entry, written out, is the text of the shipped file: adding changes only what is added."""
    body = data_path(CATALOG).read_text().partition("models:\n")[2]
    assert body == "".join(entry_text(found) for found in load_catalog())


@pytest.mark.parametrize(
    "text", ["yes", "2.5 B: half", "# no", 'a "quoted" word', "- item", "trailing ", "1E+3", "naïve – text", "null"]
)
def test_any_text_survives_writing_and_reading(text: str) -> None:
    """Text that YAML would take for something else is quoted, and comes back as it was."""
    written = "models:\n" + entry_text(entry("a/b", notes=text, published_total=Decimal("1E+3"), published_source="x"))
    (read,) = check_table(parse_yaml(written.encode(), where="test"), where="test")
    assert (read.notes, read.published_total) == (text, Decimal("1E+3"))


@pytest.mark.parametrize(
    ("name", "before"), [("B/middle", "# the large one"), ("0/first", "# the small one"), ("d/last", None)]
)
def test_an_entry_goes_to_its_place(name: str, before: str | None) -> None:
    """The entry stands before the first row that sorts after it and that row's comment; all other lines stay."""
    after = insert_entry(BEFORE, entry(name))
    added = entry_text(entry(name))
    assert after.replace(added, "") == BEFORE
    assert after.endswith(added) if before is None else f"{added}{before}" in after


def test_an_empty_file_becomes_a_catalog(tmp_path: Path) -> None:
    """A file that does not exist, or is empty, becomes a catalog of one entry."""
    for name in ("new.yaml", "empty.yaml"):
        path = tmp_path / name
        if name == "empty.yaml":
            path.write_text("\n")
        add_entry(path, entry("a/b"))
        assert path.read_text() == "models:\n" + entry_text(entry("a/b"))


def test_an_entry_that_is_there_is_refused(tmp_path: Path) -> None:
    """An id that the file has, in any letter case, is named with its line, and the file stays as it was."""
    path = tmp_path / "mine.yaml"
    path.write_text(BEFORE)
    with pytest.raises(UsageError, match="line 10") as caught:
        add_entry(path, entry("C/Large"))
    assert caught.value.code == "catalog.exists"
    assert path.read_text() == BEFORE


def test_a_file_that_is_no_catalog_is_left_alone(tmp_path: Path) -> None:
    """A file with other content is refused and not touched."""
    path = tmp_path / "other.yaml"
    path.write_text("answers: 9\n")
    with pytest.raises(UsageError, match="unknown key"):
        add_entry(path, entry("a/b"))
    assert path.read_text() == "answers: 9\n"


def test_a_folder_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    """A file that cannot be written is a usage error that names it."""
    with pytest.raises(UsageError, match="No such file"):
        add_entry(tmp_path / "no" / "such" / "mine.yaml", entry("a/b"))


def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    """A link is followed and the file behind it keeps its permissions."""
    target, link = tmp_path / "target.yaml", tmp_path / "link.yaml"
    target.write_text(BEFORE)
    target.chmod(0o600)
    link.symlink_to(target)
    add_entry(link, entry("b/b"))
    assert link.is_symlink()
    assert "b/b" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_installed_catalog_is_not_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, a source checkout's own catalog is meant; an installed one asks for a file."""
    assert catalog_file("mine.yaml") == Path("mine.yaml")
    assert catalog_file() == data_path(CATALOG)
    monkeypatch.setattr(edit, "data_path", lambda name: tmp_path / "sizer" / "data" / name)
    with pytest.raises(UsageError, match="installed"):
        catalog_file()
