"""The real exports: every row accounted for, and the defects that their descriptions count."""

from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pytest
import shapely

from tests.data.reading import counted, read_layer
from tests.requirements import dataset_path


def test_montco_911_shows_its_defects() -> None:
    accepted, report, batches = counted(
        dataset_path("incidents/montco_911") / "911.csv.zip", timezone="America/New_York"
    )
    counts = report.counts
    titles = Counter(t for batch in batches for t in batch.rows["category"].to_pylist())
    assert (accepted, report.n_rows, report.rejected) == (99_492, 99_492, {})
    assert (counts["null.zip"], counts["null.addr"], counts["null.twp"]) == (12_855, 519, 43)
    assert counts["time.second_stamp_differs.desc"] == 75
    assert counts["constant.e"] == 99_492
    assert counts["place.far"] == 20
    # 36,024 titles hold " -"; in 329 of them it stands inside, not at the end.
    assert counts["trimmed.title"] == 36_024 - 329
    assert sum(n for title, n in titles.items() if title.startswith("EMS: OVERDOSE")) == 1_191
    assert sum(n for title, n in titles.items() if title.startswith("EMS")) == 48_877
    assert not any(title.endswith("-") for title in titles)
    assert report.columns["category"] == "title"


def test_tempe_opioid_shows_its_defects() -> None:
    accepted, report, batches = counted(
        dataset_path("incidents/tempe_opioid") / "tempe_opioid_calls.csv", timezone="America/Phoenix"
    )
    assert (accepted, report.n_rows, report.rejected) == (3_379, 3_379, {})
    assert report.counts["null.narcan_given"] == 501
    assert report.counts["place.decimals"] == 4
    assert report.counts["time.precision.day"] == 3_379
    assert report.columns["time"] == "incident_date"
    assert pc.min(batches[0].rows["time"]).as_py().isoformat() == "2017-01-03T07:00:00+00:00"


SAO_PAULO = {2011: (25_391, 1_644), 2012: (26_932, 805), 2014: (23_547, 73), 2015: (20_260, 52)}


def test_sao_paulo_sums_are_those_of_its_description() -> None:
    assert sum(n for n, _ in SAO_PAULO.values()) == 96_130
    assert sum(n for _, n in SAO_PAULO.values()) == 2_574


@pytest.mark.parametrize("year", SAO_PAULO)
def test_sao_paulo_reads_under_every_years_header(year: int) -> None:
    n_rows, n_empty = SAO_PAULO[year]
    accepted, report, batches = counted(
        dataset_path("places/sao_paulo") / f"crashes_{year}.csv.gz", timezone="America/Sao_Paulo"
    )
    assert report.n_rows == n_rows
    assert report.rejected == {"no_coordinate": n_empty}
    assert report.counts["point.empty"] == n_empty
    assert accepted == n_rows - n_empty
    assert {
        k: v.lower() for k, v in report.columns.items() if k in ("id", "time", "category", "geometry")
    } == {
        "id": "id_acident",
        "time": "data+hora",
        "category": "tipo_acide",
        "geometry": "wkt",
    }
    rows = batches[0].rows
    assert set(rows["time_precision"].to_pylist()) == {"minute"}
    years = Counter(t.astimezone(ZoneInfo("America/Sao_Paulo")).year for t in rows["time"].to_pylist())
    assert years.most_common(1)[0][0] == year
    assert report.counts["time.ambiguous"] > 0


def test_uk_police_slim_rejects_exactly_the_rows_without_coordinates() -> None:
    path = dataset_path("incidents/uk_police_slim") / "uk_street_crime_2018-10_2018-12_slim.parquet"
    accepted, report, _ = counted(path, timezone="Europe/London")
    assert report.n_rows == 1_070_154
    assert report.rejected == {"no_coordinate": 25_058}
    assert accepted == 1_070_154 - 25_058
    assert report.counts["time.precision.month"] == accepted
    assert (report.columns["category"], report.columns["street"]) == ("Crime type", "Location")


def test_uk_north_wards_reads_the_raw_police_file() -> None:
    path = dataset_path("incidents/uk_north_wards") / "2018-11-lancashire-street.csv.gz"
    accepted, report, _ = counted(path, timezone="Europe/London")
    assert (accepted, report.n_rows) == (16_452, 17_135)
    assert report.rejected == {"no_coordinate": 683}
    assert report.counts["null.Crime ID"] == 3_320
    assert report.counts["null.Context"] == 17_135
    assert report.columns["id"] == "Crime ID"


def test_uk_north_wards_bring_their_wards_from_the_british_grid() -> None:
    path = dataset_path("incidents/uk_north_wards") / "lancashire_wards.gpkg"
    rows, rejects, report = read_layer(path, "boundary")
    assert (len(rows), rejects, report.crs) == (271, [], "EPSG:27700")
    assert rows[0]["source_id"] == "E05001643"
    bounds = shapely.total_bounds(shapely.from_wkb([row["geometry"] for row in rows]))
    assert bounds.round(1).tolist() == [-3.1, 53.5, -2.0, 54.2]


def test_new_orleans_keeps_severity_mode_and_year() -> None:
    path = dataset_path("crashes/sspf_new_orleans_urban") / "urban_crash_2014-2018.csv.gz"
    accepted, report, batches = counted(path, timezone="America/Chicago")
    severities = Counter(s for batch in batches for s in batch.rows["severity"].to_pylist())
    assert (accepted, report.n_rows) == (97_515, 97_515)
    assert severities == {"k": 220, "a": 1_051, "b": 6_782, "c": 23_152, "o": 66_310}
    assert report.counts["time.precision.year"] == 97_515
    assert {m for batch in batches for m in batch.rows["mode"].to_pylist()} == {"Other", "Ped", "Bike"}


def test_montreal_needs_its_reference_system_and_reads_with_it() -> None:
    folder = dataset_path("corridors/montreal_bike")
    accepted, report, _ = counted(folder / "bike_accidents_wkt.csv", crs="EPSG:3797")
    roads, rejects, _ = read_layer(folder / "mtl_network_wkt.csv", "roads", crs="EPSG:3797")
    assert (accepted, report.columns["geometry"]) == (347, "wkt")
    assert (len(roads), rejects) == (2_945, [])
    west, south, east, north = shapely.total_bounds(shapely.from_wkb([road["geometry"] for road in roads]))
    assert -74 < west < east < -73 and 45 < south < north < 46


LAYERS = [
    ("places/memphis/memphis_population.csv.gz", "population", 10_393, 634_612.0),
    ("places/sao_paulo/spo_hexgrid.csv", "population", 323, 517_570.0),
]


@pytest.mark.parametrize(("name", "kind", "n_rows", "total"), LAYERS)
def test_population_layers_sum_to_what_their_description_says(
    name: str, kind: str, n_rows: int, total: float
) -> None:
    rows, rejects, _ = read_layer(dataset_path(str(Path(name).parent)) / Path(name).name, kind)
    assert (len(rows), rejects) == (n_rows, [])
    assert round(sum(row["value"] or 0 for row in rows)) == total


def test_epa_sewersheds_are_repaired_and_counted() -> None:
    folder = dataset_path("wastewater/epa_sewersheds")
    rows, _, report = read_layer(
        folder / "RHODEISLAND_statedata_publiconline_sewersheds.gpkg.zip", "sewersheds"
    )
    utah, _, _ = read_layer(folder / "UTAH_merged_sewersheds.gpkg.zip", "sewersheds")
    assert len(rows) + len(utah) == 378
    assert report.counts["geometry.repaired"] == 7
    assert shapely.is_valid(shapely.from_wkb([row["geometry"] for row in rows])).all()
