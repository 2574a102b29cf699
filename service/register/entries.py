"""The entry of every method in `service.methods`, by its name: a new method adds a file and a line here."""

from service.register.cells import CELLS
from service.register.clusters import CLUSTERS
from service.register.corridors import CORRIDORS
from service.register.emerging import EMERGING
from service.register.entry import Entry
from service.register.forecast import FORECAST
from service.register.gaps import GAPS
from service.register.hotspots import HOTSPOTS
from service.register.near_repeat import NEAR_REPEAT
from service.register.outliers import OUTLIERS
from service.register.priority import PRIORITY
from service.register.scan import SCAN
from service.register.surveillance import SURVEILLANCE

ENTRIES: dict[str, Entry] = {
    "hotspots": HOTSPOTS,
    "cells": CELLS,
    "outliers": OUTLIERS,
    "emerging": EMERGING,
    "clusters": CLUSTERS,
    "scan": SCAN,
    "near-repeat": NEAR_REPEAT,
    "forecast": FORECAST,
    "corridors": CORRIDORS,
    "surveillance": SURVEILLANCE,
    "gaps": GAPS,
    "priority": PRIORITY,
}
