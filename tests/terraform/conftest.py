from __future__ import annotations

from tests.terraform.evaluation import MISSING, TERRAFORM


def pytest_report_header() -> str:
    return f"terraform: {TERRAFORM or f'{MISSING}; what needs it is skipped'}"
