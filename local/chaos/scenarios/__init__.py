"""All scenarios, by what they break."""

from __future__ import annotations

from local.chaos.scenarios.bigquery import BIGQUERY
from local.chaos.scenarios.controls import CONTROLS
from local.chaos.scenarios.machine import MACHINE
from local.chaos.scenarios.producers import PRODUCERS
from local.chaos.scenarios.pubsub import PUBSUB
from local.chaos.scenarios.storage import STORAGE

SCENARIOS = {each.name: each for each in (*MACHINE, *BIGQUERY, *STORAGE, *PUBSUB, *PRODUCERS, *CONTROLS)}
