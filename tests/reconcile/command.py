"""`python -m pipeline.reconcile` on a plant's dataset."""

from __future__ import annotations

from pipeline.reconcile.__main__ import main
from tests.endtoend.in_process import Ended, run_in_process
from tests.endtoend.plant import Plant


def reconcile(plant: Plant, *flags: str) -> Ended:
    return run_in_process(main, plant, [f"--bq_dataset={plant.dataset}", *flags])
