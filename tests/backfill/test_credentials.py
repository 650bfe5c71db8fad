"""Buckets without credentials are read as anybody may; where that is too little, one sentence says so."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.commands import NO_CREDENTIALS
from pipeline.files import introduce_to_google
from pipeline.main import main
from tests.loads.backfills import command


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without credentials, where Beam has not looked for them yet."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr(auth._Credentials, "_credentials_init", False)
    monkeypatch.setattr(auth._Credentials, "_credentials", None)


def test_without_credentials_beam_reads_as_nobody_and_does_not_look_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert not introduce_to_google("gs://bucket/file")
        assert auth.get_service_credentials(PipelineOptions()) is None
    assert [record for record in caplog.records if record.name.startswith("apache_beam")] == []
    assert not introduce_to_google("gs://bucket/file")


def test_with_credentials_beam_reads_as_who_we_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    somebody = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    (tmp_path / "somebody.json").write_text(json.dumps(somebody))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "somebody.json"))
    assert introduce_to_google("gs://bucket/file")
    assert auth.get_service_credentials(PipelineOptions()) is not None
    assert introduce_to_google("gs://bucket/file")


def test_local_files_and_an_emulator_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert introduce_to_google("/a/file")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://localhost:1")
    assert introduce_to_google("gs://bucket/file")
    assert auth.get_service_credentials(PipelineOptions()) is None


def test_a_bucket_that_nobody_may_list_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(patterns: list[str]) -> None:
        raise PermissionError(f"401 {patterns}")

    monkeypatch.setattr(FileSystems, "match", refuse)
    given = command("gs://bucket/*.jsonl", str(tmp_path / "lake"), "none")
    assert main(given[given.index("--is_backfill") :]) == 2
    assert capsys.readouterr().err == f"error: {NO_CREDENTIALS}\n"
    assert not (tmp_path / "lake").exists()
