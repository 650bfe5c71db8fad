from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

from tests.generator.reading import Simulate

# Changes when the simulation is changed on purpose, and with Faker, whose names are in the payloads.
FIRST_THOUSAND = "4136875ffa7cf9809150930990cbf4f866198c3d200c3e1687366fcb01108924"

# The same for what reaches the rates in other ways: noise, the week, every kind of incident.
EVERYTHING_AT_ONCE = "3503eb3a636dd6eb16e2b70ee5320747609736ce9e2bdae0312517b9eafbe121"


def run_generator(*flags: str, **environment: str) -> bytes:
    command = [sys.executable, "-m", "generator", "--to=stdout", *flags]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, **environment})
    return done.stdout


def test_first_thousand_messages_of_seed_7_are_these_bytes() -> None:
    written = run_generator("--seed=7", "--events=1000")
    assert written.count(b"\n") == 1000
    assert hashlib.sha256(written).hexdigest() == FIRST_THOUSAND


def test_hash_seed_and_time_zone_change_nothing() -> None:
    flags = ("--events=3000", "--malformed_share=0.3", "--incident=bad_deploy@1s+3s")
    one = run_generator(*flags, PYTHONHASHSEED="1", TZ="America/New_York")
    other = run_generator(*flags, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert one == other


def test_noise_and_incidents_of_seed_7_are_these_bytes_wherever_it_runs() -> None:
    flags = [
        *("--seed=7", "--events=6000", "--rate=0.1", "--order_seconds=7200", "--products=5", "--noise=0.3"),
        *("--incident=order_spike@1h+1h", "--incident=order_drop@2h+1h", "--incident=bad_deploy@3h+1h"),
        *("--incident=silence@5h+30m", "--incident=order_drift@6h+6h", "--incident=fraud_burst@7h+1h"),
        *("--incident=stock_out@1h+12h", "--incident=promotion@14h+3h"),
    ]
    one = run_generator(*flags, PYTHONHASHSEED="1", TZ="America/New_York")
    other = run_generator(*flags, PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert one == other
    assert hashlib.sha256(one).hexdigest() == EVERYTHING_AT_ONCE


def test_another_seed_writes_other_bytes() -> None:
    assert run_generator("--events=100", "--seed=1") != run_generator("--events=100", "--seed=2")


def test_faults_do_not_change_what_the_shop_does(simulate: Simulate) -> None:
    calm = simulate(3000, seed=5)
    noisy = simulate(3000, seed=5, malformed_share=0.2)
    same = [
        (one.payload, other.payload) for one, other in zip(calm, noisy, strict=True) if other.fault is None
    ]
    assert 2200 < len(same) < 2600
    assert all(one == other for one, other in same)


def test_old_versions_do_not_change_what_the_shop_does(simulate: Simulate) -> None:
    new = simulate(3000, seed=5, malformed_share=0.1, duplicate_share=0.0)
    mixed = simulate(3000, seed=5, malformed_share=0.1, duplicate_share=0.0, old_version_share=0.5)
    same = [
        one for one, other in zip(new, mixed, strict=True) if other.earlier_version is None and one == other
    ]
    old = [other for other in mixed if other.earlier_version is not None]
    assert len(same) + len(old) == 3000
    assert 500 < len(old) < 1000


def test_two_starts_share_no_event_id() -> None:
    def event_ids(start: str) -> set[str]:
        lines = run_generator("--events=300", f"--start={start}").splitlines()
        return {json.loads(line)["attributes"].get("event_id", "") for line in lines} - {""}

    monday, tuesday = event_ids("2025-01-06T09:00:00Z"), event_ids("2025-01-07T09:00:00Z")
    assert len(monday) > 250
    assert not monday & tuesday
