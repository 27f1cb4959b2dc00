"""Every shipped table, read the way a user's file is read."""

import pytest

from sizer import tables
from sizer.errors import UsageError

TABLES = sorted(tables.data_path("").rglob("*.yaml"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_shipped_table_passes_the_strict_reading(path):
    """libyaml and the strict reader make the same value of each table of ours."""
    assert tables._load_shipped(path) == tables.load_yaml(path)


def test_fast_loader_refuses_repeated_keys(tmp_path):
    """A table of ours that repeats a key is refused, as a user's is."""
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\na: 2\n")
    with pytest.raises(UsageError, match="already given on line 1"):
        tables._load_shipped(path)
