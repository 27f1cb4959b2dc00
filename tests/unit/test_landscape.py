"""`sizer landscape`: the rows, the screen, the picture and the page."""

from __future__ import annotations

import datetime
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from sizer.catalog.landscape import Marked, build_landscape
from sizer.catalog.listing import Filter
from sizer.catalog.models import CatalogEntry
from sizer.render.views.landscape_chart import html, svg

SVG = "{http://www.w3.org/2000/svg}"


def entry(name, total, active, basis="counted", **more):
    """A catalog entry."""
    return CatalogEntry(
        id=name, family="F", basis=basis, source="a test", checked=datetime.date(2026, 11, 24),
        total_parameters=total, active_parameters=active, **more,
    )  # fmt: skip


ENTRIES = [
    entry("a/dense", 8 * 10**9, 8 * 10**9),
    entry("b/sparse", 30 * 10**9, 3 * 10**9),
    entry("c/untold", None, None),
    entry("d/<odd>", 70 * 10**9, None),
]
LLAMA = Marked(
    reference="./mine", id="me/mine", total_parameters=5 * 10**9, active_parameters=5 * 10**9, basis="counted"
)


def test_rows_go_by_active_with_the_user_s_own_among_them():
    """3 B active comes before 5 B and 8 B; an unknown active count is last, an entry without a total is counted out."""
    report = build_landscape(ENTRIES, Filter(), [LLAMA])
    assert [row.id for row in report.rows] == ["b/sparse", "me/mine", "a/dense", "d/<odd>"]
    assert [row.is_marked for row in report.rows] == [False, True, False, False]
    assert [row.utilisation for row in report.rows] == [0.1, 1.0, 1.0, None]
    assert report.left_out == 1
    assert (report.rows[0].size_class.by_active, report.rows[0].size_class.by_total) == ("slm", "llm")


def test_a_marked_entry_of_the_catalog_is_shown_once():
    """A mark replaces the entry of the same id, whatever its case, and no filter removes it."""
    mark = Marked(reference="A/Dense", id="A/Dense", total_parameters=8, active_parameters=8, basis="counted")
    report = build_landscape(ENTRIES, Filter(max_active=4 * 10**9), [mark], sort="name")
    assert [(row.id, row.is_marked) for row in report.rows] == [("A/Dense", True), ("b/sparse", False)]


def test_the_picture_is_xml_with_a_bar_a_model():
    """Every row is a group with its figures; the bar of a sparse model runs from left to right; names are escaped."""
    report = build_landscape(ENTRIES, Filter(), [LLAMA])
    root = ElementTree.fromstring(svg(report))
    groups = [group for group in root.findall(f"{SVG}g") if group.get("class") != "legend"]
    assert [group.findtext(f"{SVG}title") for group in groups] == [
        "b/sparse: 30.00 B total, 3.00 B active",
        "me/mine: 5.00 B total, 5.00 B active",
        "a/dense: 8.00 B total, 8.00 B active",
        "d/<odd>: 70.00 B total, unknown active",
    ]
    bar = groups[0].find(f"{SVG}line")
    assert bar is not None
    assert float(bar.get("x1", 0)) < float(bar.get("x2", 0))
    assert groups[1].find(f"{SVG}rect") is not None


@pytest.mark.parametrize(
    ("entries", "signs"),
    [
        (ENTRIES, ["from active to total", "dense", "active unknown"]),
        ([entry("a/dense", 8 * 10**9, 8 * 10**9)], ["dense"]),
        ([entry("a/said", 8 * 10**9, 10**9, basis="declared")], ["from active to total", "~ declared, not counted"]),
    ],
)
def test_the_signs_of_the_picture_are_explained(entries, signs):
    """Below the axis stands what a bar, a dot alone, a ring and `~` mean, each where it occurs, within the picture."""
    picture = svg(build_landscape(entries, Filter()))
    legend = [group for group in ElementTree.fromstring(picture).findall(f"{SVG}g") if group.get("class") == "legend"]
    texts = [group.findtext(f"{SVG}text") or "" for group in legend]
    assert [text.partition(":")[0] for text in texts] == signs
    last = float((legend[-1].get("transform") or "").removeprefix("translate(").split()[0])
    assert last + 8 * len(texts[-1]) < 1280
    assert ("stroke-dasharray" in picture) == ("active unknown" in signs)


def test_a_logarithmic_axis_has_equal_steps():
    """3 to 30 B is as long on the picture as any other factor of ten: the ticks of 10 B and 100 B are as far apart."""
    report = build_landscape([entry("a/a", 10**9, 10**9), entry("b/b", 10**12, 10**10)], Filter())
    root = ElementTree.fromstring(svg(report))
    ticks = [float(line.get("x1", 0)) for line in root.findall(f"{SVG}line")]
    steps = [round(right - left, 1) for left, right in pairwise(ticks)]
    assert len(steps) == 3
    assert max(steps) - min(steps) <= 0.11


def test_the_page_stands_alone():
    """The page holds the picture and the table, loads nothing, and escapes names."""
    page = html(build_landscape(ENTRIES, Filter(), [LLAMA]))
    assert page.startswith("<!DOCTYPE html>")
    assert "<td>d/&lt;odd&gt;</td>" in page
    assert '<tr class="own"><td>me/mine</td>' in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_it_stays_within_the_screen(sizer, monkeypatch, width):
    """No line is wider than the screen."""
    monkeypatch.setenv("COLUMNS", str(width))
    lines = sizer("landscape", "--family", "qwen3").out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= max(width, 40)


def test_the_screen(sizer):
    """Bars run from active to total over the classes; a mark stands out without colour; declared figures say so."""
    outcome = sizer("landscape", "--family", "jamba", "--mark", "openai/gpt-oss-20b")
    assert outcome.code == 0
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert [line.split()[-1] for line in lines[:1]] == ["share"]
    marked = next(line for line in lines if "gpt-oss-20b" in line)
    assert marked.startswith("> openai/gpt-oss-20b")
    assert marked.split()[-6:] == ["4.19", "B", "20.91", "B", "20.0", "%"]
    assert all("○━" in line for line in lines if "Jamba-" in line)
    assert "● alone: dense, all is active)" in " ".join(lines)
    assert "all is active, or active unknown)" in " ".join(sizer("landscape", "--family", "grok").out.split())


def test_ascii_is_enough(sizer, monkeypatch):
    """A stream that is not Unicode gets bars of ASCII."""
    monkeypatch.setattr("sizer.render.views.landscape.is_unicode", lambda console: False)
    outcome = sizer("landscape", "--family", "jamba")
    assert outcome.out.isascii()
    assert "o===" in outcome.out


@pytest.mark.parametrize(
    ("locale", "is_plain"),
    [
        ({"LC_ALL": "C"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "en_US.UTF-8", "LANG": "C"}, False),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, False),
    ],
)
def test_a_locale_without_unicode_gets_ascii(sizer, monkeypatch, locale, is_plain):
    """LC_ALL, else LC_CTYPE, else LANG decides, although Python itself writes UTF-8 in the C locale."""
    for name in ("LC_CTYPE", "LANG", "PYTHONIOENCODING", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert sizer("landscape", "--family", "jamba").out.isascii() == is_plain


def test_files_are_written_and_named(sizer, tmp_path):
    """--svg and --html write files beside the view; `-` writes the picture alone to stdout."""
    picture, page = tmp_path / "a.svg", tmp_path / "a.html"
    outcome = sizer("landscape", "--family", "jamba", "--svg", str(picture), "--html", str(page))
    assert ElementTree.parse(picture).getroot().tag == f"{SVG}svg"
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    assert outcome.err.splitlines() == [f"wrote {picture}", f"wrote {page}"]
    alone = sizer("landscape", "--family", "jamba", "--svg", "-")
    assert ElementTree.fromstring(alone.out).tag == f"{SVG}svg"


def test_a_folder_that_is_not_there(sizer, tmp_path):
    """A file that cannot be written is the user's mistake, named with its option."""
    outcome = sizer("landscape", "--svg", str(tmp_path / "no" / "a.svg"), "--json")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage.file"


def test_a_model_that_is_not_in_the_catalog_is_counted(sizer, monkeypatch, tmp_path):
    """A reference that the catalog lacks is read: the 4-bit twin of Llama-3.1-8B has its 8,030,261,248 parameters."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    reference = "bench/Llama-3.1-8B-GPTQ-Int4"
    rows = sizer("landscape", "--family", "jamba", "--mark", reference, "--offline", "--json").json["report"]["rows"]
    own = next(row for row in rows if row["is_marked"])
    assert (own["id"], own["total_parameters"], own["basis"]) == (reference, 8_030_261_248, "counted")


@pytest.mark.parametrize("width", [72, 80, 100, 120])
def test_powers_of_ten_keep_apart(sizer, monkeypatch, width):
    """Two labels of the axis have at least a space between them, or one is left out."""
    monkeypatch.setenv("COLUMNS", str(width))
    ticks = sizer("landscape", "--family", "qwen3").out.splitlines()[1]
    assert re.fullmatch(r" *(?:1|10|100) [kMBT](?: +(?:1|10|100) [kMBT])*\s*", ticks), ticks


def test_a_rounded_count_is_no_more_than_all():
    """12 B active, rounded to billions, of 11.96 B counted are 100 %, not 100.3 %."""
    (row,) = build_landscape([entry("a/b", 11_959_730_224, 12 * 10**9, active_precision=10**9)], Filter(), []).rows
    assert row.utilisation == 1.0
