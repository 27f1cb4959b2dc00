"""Every shipped table, read the way a user's file is read."""

from typing import Any

import pytest

from sizer import tables
from sizer.errors import UsageError

TABLES = sorted(tables.data_path("").rglob("*.yaml"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_shipped_table_passes_the_strict_reading(path):
    """libyaml and the strict reader make the same value of each table of ours."""
    assert tables._parse_shipped(path.read_bytes(), path.name) == tables.load_yaml(path)


def test_fast_loader_refuses_repeated_keys():
    """A table of ours that repeats a key is refused, as a user's is."""
    with pytest.raises(UsageError, match="already given on line 1"):
        tables._parse_shipped(b"a: 1\na: 2\n", "x.yaml")


@pytest.mark.parametrize("is_writable", [True, False])
def test_kept_table_is_the_table(tmp_path, monkeypatch, is_writable):
    """A table read from the cache equals the one read from YAML, and a cache that cannot be made changes nothing."""
    home = tmp_path / "home"
    if not is_writable:
        home.write_text("a file where a folder should be")
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.delenv("HF_ASSETS_CACHE", raising=False)
    first = tables.load_table.__wrapped__("size_classes.yaml", dict[str, Any])
    second = tables.load_table.__wrapped__("size_classes.yaml", dict[str, Any])
    assert len(list(home.rglob("size_classes-*.json"))) == is_writable
    assert first["classes"][0]["key"] == second["classes"][0]["key"] == "below_1b"


def test_a_changed_table_is_read_again(tmp_path, monkeypatch):
    """A table that was edited is read from YAML, not from what was kept of the older one."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tables, "data_path", lambda name: tmp_path / name)
    for text in ("a: 1\n", "a: 22\n"):
        (tmp_path / "x.yaml").write_text(text)
        assert tables.load_table.__wrapped__("x.yaml", dict[str, int]) == {"a": int(text[3:])}
