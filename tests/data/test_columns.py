# ruff: noqa: E501
"""Which column is which: real headers, priorities, mappings."""

import pytest

from data.columns import named, recognise
from data.errors import InvalidMapping

HEADERS = {
    "montco": "lat,lng,desc,zip,title,timeStamp,twp,addr,e",
    "tempe": "year,incident_date,narcan_given,latitude,longitude",
    "sao_paulo": "WKT,Id_acident,Cadloga,Referencia,Data,Hora,Cod_acid,Tipo_acide",
    "police_uk": "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,Crime type",
    "open311": "service_request_id,status,service_name,requested_datetime,updated_datetime,lat,long,address",
    "arcgis_cad": "OBJECTID,Incident_Number,Call_Type,Address,Longitude_of_Incident,Latitude_of_Incident,CallTime",
    "socrata": "Case Number,Date,Block,Primary Type,Description,X Coordinate,Y Coordinate,Year,Updated On,Latitude,Longitude,Location",
    "neris": "incident_neris_id,dispatch_time_call_create,incident_final_type_primary,incident_point",
    "germany": "OBJECTID,UJAHR,UMONAT,USTUNDE,UKATEGORIE,UART,XGCSWGS84,YGCSWGS84,LINREFX,LINREFY",
}

EXPECTED = {
    "montco": ({"category": "title", "street": "addr"}, "timeStamp"),
    "tempe": ({}, "incident_date"),
    "sao_paulo": ({"id": "Id_acident", "category": "Tipo_acide"}, "Data"),
    "police_uk": ({"id": "Crime ID", "category": "Crime type", "street": "Location"}, "Month"),
    "open311": (
        {"id": "service_request_id", "category": "service_name", "street": "address"},
        "requested_datetime",
    ),
    "arcgis_cad": ({"id": "Incident_Number", "category": "Call_Type", "street": "Address"}, "CallTime"),
    "socrata": ({"id": "Case Number", "category": "Primary Type", "street": "Block"}, "Date"),
    "neris": (
        {"id": "incident_neris_id", "category": "incident_final_type_primary"},
        "dispatch_time_call_create",
    ),
    "germany": ({"id": "OBJECTID", "category": "UART", "severity": "UKATEGORIE"}, "UJAHR"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_recognise_finds_the_fields_of_real_headers(name: str) -> None:
    fields, time = EXPECTED[name]
    found = recognise(HEADERS[name].split(","), {})
    assert dict(found.fields) == fields
    assert found.times[0] == time


@pytest.mark.parametrize(
    ("header", "pair"),
    [
        ("LATITUDE,LONGITUDE", ("LONGITUDE", "LATITUDE")),
        ("start_lat,start_lng,end_lat,end_lng", ("start_lng", "start_lat")),
        ("Breitengrad,Längengrad", ("Längengrad", "Breitengrad")),
        ("crashLat,crashLon", ("crashLon", "crashLat")),
        ("X,Y,lat,long", ("long", "lat")),
    ],
)
def test_recognise_pairs_the_columns_that_go_together(header: str, pair: tuple[str, str]) -> None:
    assert recognise(header.split(","), {}).pairs[0] == pair


def test_recognise_takes_an_empty_column_only_where_no_other_fits() -> None:
    assert named(["GEOID", "id"], ["geoid", "id"], set(), frozenset({"GEOID"})) == "id"
    assert named(["GEOID"], ["geoid", "id"], set(), frozenset({"GEOID"})) == "GEOID"


def test_recognise_knows_names_that_a_shapefile_cut_off() -> None:
    assert recognise(["incident_d", "year"], {}).times[0] == "incident_d"


def test_mapping_wins_and_an_empty_one_switches_recognition_off() -> None:
    columns = "id,key,type,lat,lng,d,t".split(",")
    found = recognise(columns, {"id": "KEY", "category": "", "time": "d+t"})
    assert dict(found.fields) == {"id": "key"}
    assert (found.times, found.times_of_day) == (["d"], ["t"])


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"categry": "type"}, "near names: category"),
        ({"id": "kye"}, "near names: key"),
        ({"lng": "lng"}, "needs --map lat=… too"),
        ({"time": "d+x"}, "got 'x'"),
    ],
)
def test_mapping_raises_and_lists_near_names_when_it_names_what_is_not_there(
    mapping: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidMapping, match=words):
        recognise("id,key,type,lat,lng,d,t".split(","), mapping)
