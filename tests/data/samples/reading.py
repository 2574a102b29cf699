"""Files of the made city through the readers, as a service takes them in."""

import pyarrow as pa

from data.readers.open import open_coverage, open_features, open_samples
from data.records import CleanSource, IngestSpec, ReadReport
from data.samples.city import CitySample


def read_rows(sample: CitySample, layer: str, *, is_mapped: bool) -> tuple[pa.Table, ReadReport]:
    """Return the accepted rows of a layer's file and what the reader says of it."""
    file = sample[layer]
    spec = IngestSpec(
        layer, kind=file.kind, timezone=file.timezone, mapping=file.mapping if is_mapped else {}
    )
    opened = {"samples": open_samples, "coverage": open_coverage}.get(file.kind, open_features)
    source: CleanSource = opened(file.path, spec)
    rows = pa.concat_tables([batch.rows for batch in source.batches()])
    return rows, source.report
