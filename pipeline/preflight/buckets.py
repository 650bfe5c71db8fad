"""The places that are written to: buckets, or folders of this machine."""

from __future__ import annotations

import os
import secrets
from typing import Any

from google.api_core.exceptions import Forbidden, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from pipeline.preflight.findings import CALL_SECONDS, Check, Finding, emulator_of, not_checked, ok, wrong

PERMISSIONS = (
    "storage.objects.create",
    "storage.objects.delete",  # a repeated bundle replaces its object
    "storage.objects.get",
    "storage.objects.list",
)
SERVICE = "Cloud Storage"
_CALL: dict[str, Any] = {"retry": None, "timeout": CALL_SECONDS}


def place_checks(path: str, project: str) -> list[Check]:
    """What `gs://bucket[/folder]`, or a local folder, must be."""
    if not path.startswith("gs://"):
        return [Check(f"folder {path}", "", project, lambda: _look_at_folder(path))]
    bucket, _, folder = path.removeprefix("gs://").partition("/")
    return [
        Check(
            f"bucket gs://{bucket}",
            SERVICE,
            project,
            lambda: _look_at_bucket(bucket, project),
            f"gcloud storage buckets create gs://{bucket} --project={project} "
            "--uniform-bucket-level-access --public-access-prevention",
            "roles/storage.bucketViewer",
        ),
        Check(
            f"writing to {path}",
            SERVICE,
            project,
            lambda: _write(bucket, folder.strip("/"), project),
            of_account=True,
        ),
    ]


def _look_at_folder(path: str) -> list[Finding]:
    what = f"folder {path}"
    there = os.path.abspath(path)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        return [wrong(what, f"{there} is a file: name a folder.", f"ls -ld {there}")]
    if not os.access(there, os.W_OK | os.X_OK):
        return [wrong(what, f"{there} may not be written to.", f"ls -ld {there}")]
    return [ok(what, "" if os.path.isdir(path) else "It will be created.")]


def _look_at_bucket(bucket: str, project: str) -> list[Finding]:
    what = f"bucket gs://{bucket}"
    found = _client(project).get_bucket(bucket, **_CALL)
    uniform = f"{what}: uniform access"
    if emulator_of(SERVICE):
        return [ok(what), not_checked(uniform, "The Cloud Storage emulator lets everybody in.")]
    remark = ""
    if found.iam_configuration.public_access_prevention != "enforced":
        remark = "Public access prevention is not enforced."
    if not found.iam_configuration.uniform_bucket_level_access_enabled:
        return [
            ok(what, remark),
            wrong(
                uniform,
                "Single objects can have access lists of their own, past the bucket's roles.",
                f"gcloud storage buckets update gs://{bucket} --uniform-bucket-level-access",
            ),
        ]
    return [ok(what, remark), ok(uniform)]


def _write(bucket: str, folder: str, project: str) -> list[Finding]:
    """By permission; where those are not kept, by an object that is deleted again."""
    what = f"writing to gs://{bucket}" + (f"/{folder}" if folder else "")
    grant = (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} "
        "--member=serviceAccount:ACCOUNT --role=roles/storage.objectUser"
    )
    there = _client(project).bucket(bucket)
    if not emulator_of(SERVICE):
        try:
            held = there.test_iam_permissions(list(PERMISSIONS), **_CALL)
        except NotFound:
            return [not_checked(what, "There is no such bucket.")]
        lacking = [permission for permission in PERMISSIONS if permission not in held]
        if lacking:
            return [wrong(what, f"This account lacks {', '.join(lacking)}.", grant)]
        return [ok(what)]
    name = f".preflight-{secrets.token_hex(8)}"
    blob = there.blob(f"{folder}/{name}" if folder else name)
    try:
        blob.upload_from_string(b"", **_CALL)
        blob.delete(**_CALL)
    except NotFound:
        return [not_checked(what, "There is no such bucket.")]
    except Forbidden:
        return [wrong(what, "An object could not be written and deleted again.", grant)]
    return [ok(what, "Wrote and deleted an object.")]


def _client(project: str) -> storage.Client:
    if emulator_of(SERVICE):
        return storage.Client(project=project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    return storage.Client(project=project)
