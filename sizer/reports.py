"""What each command answers: the types behind `--json`, by command. `sizer schema` prints their JSON Schema.

The types live beside the code that makes them; this module names them in one place.
"""

from __future__ import annotations

from typing import Any

from sizer.catalog.fitting import FitList
from sizer.catalog.landscape import Landscape
from sizer.catalog.listing import CatalogDetail, CatalogList
from sizer.catalog.verify import Verification
from sizer.comparison import Comparison
from sizer.decision.cases import CasesReport
from sizer.decision.evidence import EvidenceReport
from sizer.decision.policy import CheckReport
from sizer.decision.recommend import Recommendation
from sizer.difference import Difference
from sizer.inspection import Inspection, Inspections
from sizer.routing.calibration.report import CalibrationReport
from sizer.routing.exports.report import ConfigCheck, ExportReport
from sizer.routing.simulate import RouteReport
from sizer.routing.traffic.report import ScoreReport, SqlReport
from sizer.sizing.devices import DeviceList
from sizer.sizing.token_path import TokenPath
from sizer.sizing.training import Tuning

__all__ = ["REPORTS"]

# command: the type of its `report`
REPORTS: dict[str, Any] = {
    "inspect": Inspection | Inspections,
    "catalog": CatalogList,
    "catalog show": CatalogDetail,
    "catalog verify": Verification,
    "catalog add": CatalogDetail,
    "compare": Comparison,
    "diff": Difference,
    "fit": FitList,
    "devices": DeviceList,
    "moe": TokenPath,
    "tune": Tuning,
    "landscape": Landscape,
    "recommend": Recommendation,
    "evidence": EvidenceReport,
    "cases": CasesReport,
    "check": CheckReport,
    "route": RouteReport | SqlReport,
    "route calibrate": CalibrationReport,
    "route score": ScoreReport,
    "route export": ExportReport | ConfigCheck,
}
