"""What is said when BigQuery answers the erasure with an error: not what it says of a statement."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest
from google.cloud.bigquery.job.base import _error_result_to_exception

from pipeline.bigquery_faults import BigQueryUnavailable
from pipeline.erase.__main__ import main
from pipeline.erase.warehouse import StillStreaming, unanswered
from pipeline.errors import UsageError
from tests.preflight.json_answers import JsonHandler

BUFFERED = "DELETE over orders WHERE customer_id = 'C1' would affect rows in the streaming buffer"
FAILED = "It failed at 'C1'."
REFUSED = " refuses a statement: are its tables those of schemas.json?"
LACKS = " is not there, or lacks a table of schemas.json."
CLOSED = " cannot be read or changed: "


@pytest.mark.parametrize(
    ("reason", "message", "kind", "said"),
    [
        ("invalidQuery", BUFFERED, StillStreaming, "BigQuery cannot delete rows yet"),
        ("invalidQuery", FAILED, UsageError, f"--bq_dataset=shop:events{REFUSED}"),
        (
            "resourcesExceeded",
            FAILED,
            BigQueryUnavailable,
            "--bq_dataset=shop:events cannot be read or changed",
        ),
        ("notFound", FAILED, UsageError, f"--bq_dataset=shop:events{LACKS}"),
    ],
)
def test_an_answer_about_a_statement_is_told_without_its_text(
    reason: str, message: str, kind: type[Exception], said: str
) -> None:
    error = unanswered("shop:events", _error_result_to_exception({"reason": reason, "message": message}))
    assert type(error) is kind
    assert str(error).startswith(said)
    assert "C1" not in str(error)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("quotaExceeded", BigQueryUnavailable),
        ("rateLimitExceeded", BigQueryUnavailable),
        ("backendError", BigQueryUnavailable),
        ("accessDenied", UsageError),
    ],
)
def test_a_quota_is_no_refused_permission(reason: str, kind: type[Exception]) -> None:
    error = unanswered("shop:events", _error_result_to_exception({"reason": reason, "message": "Not now."}))
    assert type(error) is kind
    assert str(error).startswith(f"--bq_dataset=shop:events{CLOSED}")


class _Exhausted(JsonHandler):
    """Of two limits, one that Google's client waits for and one that it does not."""

    reasons: list[str] = []  # noqa: RUF012  (each test sets its own)

    def do_GET(self) -> None:
        said = {"message": "Too much.", "errors": [{"reason": self.reasons.pop(0), "message": "Too much."}]}
        self.answer(403, {"error": {"code": 403, **said}})


def test_a_quota_is_waited_for_and_ends_the_erasure_as_what_passes_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_Exhausted, "reasons", ["rateLimitExceeded", "quotaExceeded"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Exhausted) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        flags = ["--customer_id=C1", "--bq_dataset=shop:events", f"--output_bucket={tmp_path}"]
        assert main([*flags, f"--plan={tmp_path / 'plan'}"]) == 1
        server.shutdown()
    assert _Exhausted.reasons == []
    assert f"error: --bq_dataset=shop:events{CLOSED}403 GET " in capsys.readouterr().err
