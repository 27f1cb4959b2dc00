"""`sizer recommend` as a person sees it: whole texts at 80 columns, without colour.

The models are fixtures, so that a new catalog entry does not change the texts. To accept a change that is meant,
run with `SIZER_ACCEPT=1` and read the difference.
"""

import datetime
import io
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from sizer.decision.recommend import recommend
from sizer.decision.signals import Given
from sizer.render.terminal import console
from sizer.render.views.recommend import show

FOLDER = Path(__file__).parent / "recommend"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of the fixture catalog."""

    id: str
    family: str
    total_parameters: int
    active_parameters: int
    context_tokens: int = 131_072
    effective_context_tokens: int | None = None
    kv_cache_bytes_per_token: int | None = 98_304
    basis: str = "counted"
    licence: str | None = "apache-2.0"
    task: str = "chat"
    released: datetime.date | None = datetime.date(2025, 5, 1)

    def needs_scaling(self, context_tokens):
        return False

    def kv_cache_bytes(self, context_tokens):
        return None if self.kv_cache_bytes_per_token is None else self.kv_cache_bytes_per_token * context_tokens


CATALOG = (
    Model(id="maker/Small-1B", family="Small", total_parameters=1_235_814_400, active_parameters=1_235_814_400),
    Model(id="maker/Small-3B", family="Small", total_parameters=3_212_749_824, active_parameters=3_212_749_824),
    Model(id="other/Eight-8B", family="Eight", total_parameters=8_030_261_248, active_parameters=8_030_261_248,
          effective_context_tokens=32_768),
    Model(id="other/Mix-30B-A3B", family="Mix", total_parameters=30_532_122_624, active_parameters=3_353_554_944),
    Model(id="maker/Large-70B", family="Large", total_parameters=70_553_706_496, active_parameters=70_553_706_496,
          effective_context_tokens=65_536),
    Model(id="third/Huge-1T-A32B", family="Huge", total_parameters=1_026_408_232_448, active_parameters=32_861_500_928),
)  # fmt: skip

CASES = {
    "small": Given(
        answers={"well_defined": "yes", "diverse": "no"}, numbers={"queries_per_day": 40_000}, domains=("ner",)
    ),
    "route": Given(
        answers={"diverse": "yes", "multi_step": "yes", "budget": "yes", "edge": "no", "well_defined": "yes"}
    ),
    "big": Given(answers={"diverse": "yes", "labeled_data": "no"}, numbers={"queries_per_day": 4_000}),
    "infeasible": Given(answers={"edge": "yes"}, numbers={"memory_gb": 6, "context_tokens": 200_000}),
    "nothing": Given(),
}


@pytest.mark.parametrize("name", CASES)
def test_the_whole_text(name):
    """The text is the one on file, to the character, and no line is longer than 80."""
    stream = io.StringIO()
    show(recommend(CASES[name], CATALOG, as_of=datetime.date(2026, 11, 24)), console(file=stream, width=80))
    text = "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
    path = FOLDER / f"{name}.txt"
    if os.environ.get("SIZER_ACCEPT"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80
