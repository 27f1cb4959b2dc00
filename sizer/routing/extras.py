"""Optional dependencies: asked for where they are needed, with the command that brings them."""

from __future__ import annotations

import importlib.util

from sizer.errors import UsageError

__all__ = ["require", "require_duckdb", "require_numpy"]


def require(module: str, extra: str, purpose: str) -> None:
    """Raise UsageError where an optional package is missing, naming the extra that brings it."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"{purpose} needs {module}, which is not installed",
            code="usage.extra",
            because=f"it is part of the extra `{extra}`",
            hint=f"pip install 'model-sizer[{extra}]'",
        )


def require_numpy() -> None:
    """Training a router needs numpy."""
    require("numpy", "calibrate", "calibrating a router")


def require_duckdb(purpose: str) -> None:
    """Parquet, globs and files larger than memory need DuckDB."""
    require("duckdb", "traffic", purpose)
