"""Features that came over HTTP, as a clean source: the same checks and report as for a file."""

from collections.abc import Iterable
from typing import Any

from data.coverage_availability import coverage_source
from data.feature_source import FeatureSource
from data.incident_source import IncidentSource
from data.readers.json_items import FeatureItems
from data.records import CleanSource, IngestSpec
from data.road_source import RoadSource
from data.sample_source import SampleSource


def features_source(
    features: Iterable[dict[str, Any]], spec: IngestSpec, name: str = "features"
) -> CleanSource:
    """Return GeoJSON features (or plain records with coordinates) as rows of the layer's kind."""
    raw = FeatureItems(features, name)
    if spec.kind == "samples":
        return SampleSource(raw, spec)
    if spec.kind == "coverage":
        return coverage_source(raw, spec)
    if spec.kind == "roads":
        return RoadSource(raw, spec)
    return IncidentSource(raw, spec) if spec.kind == "incidents" else FeatureSource(raw, spec)
