"""docs/reference/errors.md lists every error and every warning that the source can give, and no other."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sizer import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "errors.md"
CODE = re.compile(r"[a-z]+(?:_[a-z]+)*\.(?:[a-z0-9_]+|\*)")
EXIT_CODES = {name: getattr(errors, name).exit_code for name in errors.__all__}


class Statement(NamedTuple):
    """A code in the source: where, and the exit code of its error, None for a warning."""

    path: str
    code: str
    exit_code: int | None


class Helper(NamedTuple):
    """A function that may make errors: what it returns, and where its parameter `code` stands."""

    returns: str
    position: int | None


def helpers_of(tree: ast.Module) -> dict[str, Helper]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
            returns = ast.unparse(node.returns).strip("'\"") if node.returns is not None else ""
            found[node.name] = Helper(returns, names.index("code") if "code" in names else None)
    return found


def called(node: ast.Call) -> str:
    """`self._refuse(...)` -> `_refuse`."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def codes_of(node: ast.Call, helper: Helper, around: ast.FunctionDef | None) -> list[str]:
    """The codes that a call states: written out, chosen between, or taken from a list in the same function."""
    values: list[ast.expr] = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
    if not values and helper.position is not None and len(node.args) > helper.position:
        values = [node.args[helper.position]]
    places: list[ast.AST] = list(values)
    if values and isinstance(values[0], ast.Name) and around is not None:
        places = [around]
    constants = [text_of(part) for place in places for part in ast.walk(place)]
    return [value for value in constants if CODE.fullmatch(value)]


def text_of(node: ast.AST) -> str:
    """A text in the source; with `*` where a value is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "*" for part in node.values)
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


def calls(node: ast.AST, around: ast.FunctionDef | None = None) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
    """Every call, with the function it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, around
        yield from calls(child, child if isinstance(child, ast.FunctionDef) else around)


@functools.cache
def statements() -> tuple[Statement, ...]:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "sizer").rglob("*.py"))}
    everywhere = {name: helper for tree in trees.values() for name, helper in helpers_of(tree).items()}
    found: list[Statement] = []
    for path, tree in trees.items():
        where = str(path.relative_to(ROOT))
        helpers = everywhere | helpers_of(tree)
        for node, around in calls(tree):
            name = called(node)
            helper = Helper(name, None) if name in EXIT_CODES else helpers.get(name, Helper("", None))
            exit_code = EXIT_CODES.get(helper.returns)
            found += [Statement(where, code, exit_code) for code in codes_of(node, helper, around)]
    return tuple(found)


def documented(heading: str) -> dict[str, int | None]:
    """Codes of the page's tables below a heading, each with the exit code of its own heading, if it has one."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found: dict[str, int | None] = {}
    exit_code = None
    for line in section.splitlines():
        if match := re.match(r"### Exit code (\d+)", line):
            exit_code = int(match[1])
        if match := re.match(r"\| `([^`]+)` \| (.+) \|$", line):
            assert match[1] not in found, f"{match[1]} is listed twice"
            assert all(cell.strip() for cell in match[2].split(" | ")), f"{match[1]} has an empty cell"
            found[match[1]] = exit_code
    return found


@pytest.mark.parametrize(("heading", "is_error"), [("Errors", True), ("Warnings", False)])
def test_the_page_lists_what_the_source_states(heading: str, is_error: bool) -> None:
    """Every code in the source has a line on the page, and every line a code in the source."""
    in_source = {found.code: found.path for found in statements() if (found.exit_code is not None) == is_error}
    on_page = documented(heading)
    missing = sorted(f"{code} ({path})" for code, path in in_source.items() if code not in on_page)
    assert not missing, f"add a line to {PAGE.relative_to(ROOT)}, under {heading}, for: {', '.join(missing)}"
    gone = sorted(set(on_page) - set(in_source))
    assert not gone, f"remove from {PAGE.relative_to(ROOT)}, under {heading}: {', '.join(gone)}"


def test_each_error_is_listed_under_its_exit_code() -> None:
    """One code has one exit code, that of its heading on the page."""
    on_page = documented("Errors")
    wrong = [found for found in statements() if found.exit_code not in (None, on_page.get(found.code))]
    assert not wrong, f"exit codes that differ from {PAGE.relative_to(ROOT)}: {wrong}"


def test_lines_are_sorted() -> None:
    """Within a table, codes are in alphabetical order, so that a code is found and has one place."""
    for heading in ("Errors", "Warnings"):
        rows = [(exit_code or 0, code) for code, exit_code in documented(heading).items()]
        assert rows == sorted(rows)


def test_every_exit_code_is_explained() -> None:
    """The table of exit codes has one line for each kind of error, for success and for an interruption."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    listed = {int(match) for match in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert listed == {0, 130} | {code for name, code in EXIT_CODES.items() if name != "SizerError"}
