"""The template's metadata: what Dataflow checks a launch against and shows a form from, made of the flags."""

from __future__ import annotations

import re
from typing import Any

from pipeline.command_flags import Flag, truth
from pipeline.flags import FLAGS

NOT_ON_DATAFLOW = {
    "schemas_path": "a file of the machine that launches; workers have the one in the image",
    "pubsub_read": "on Dataflow it is always Beam's own read",
    "max_in_flight": "of the live read",
    "watermark_slack_seconds": "of the live read",
    "stop_when_idle_seconds": "of the live read",
    "stats_path": "written when a run ends on one machine; on Dataflow the launcher does not wait",
}
"""Flags that are no parameters, and why.

Nor is s3_path, the other name of input_path: a form would show two fields for one thing.
"""

ON_DATAFLOW: dict[str, dict[str, Any]] = {
    "input_path": {
        "form": re.compile(r"gs://[a-z0-9].*"),
        "example": "gs://BUCKET/raw/**.avro",
    },
    "output_bucket": {
        "help": "Root of the lake.",
        "form": re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/.*)?"),
        "example": "gs://BUCKET",
    },
    "promotions_path": {
        "form": re.compile(r"gs://[a-z0-9].*"),
        "example": "gs://BUCKET/promotions.json",
    },
    "dedup_buckets": {
        "help": "Keys the event_ids are spread over; more allow more workers. Without the parameter, 256.",
    },
}
"""Where a flag says more than a parameter may: folders of this machine."""

PARAM_TYPES = {
    "input_subscription": "PUBSUB_SUBSCRIPTION",
    "input_path": "TEXT",
    "output_bucket": "GCS_WRITE_FOLDER",
    "promotions_path": "GCS_READ_FILE",
}
"""Input pickers of the console. Topics are TEXT: they may be `none`, which a picker does not offer."""

NUMBERS = {int: "[0-9]+", float: r"[0-9]+(\.[0-9]+)?"}


def metadata() -> dict[str, Any]:
    """The content of metadata.json.

    Required is only what a streaming run and a backfill both need; the pipeline itself refuses a run that
    lacks its source.
    """
    return {
        "name": "E-commerce event pipeline",
        "description": "Reads e-commerce events from Pub/Sub, or with is_backfill from files, and writes "
        "tables, lake, dead letters, metrics and alerts.",
        "streaming": True,
        "supportsAtLeastOnce": True,
        "supportsExactlyOnce": True,
        "defaultStreamingMode": "EXACTLY_ONCE",
        "parameters": [
            parameter(flag._replace(**ON_DATAFLOW.get(flag.name, {})), title)
            for title, flags in FLAGS.items()
            for flag in flags
            if flag.name not in NOT_ON_DATAFLOW
        ],
    }


def parameter(flag: Flag, title: str) -> dict[str, Any]:
    """A flag as a template parameter; `title` is its group's."""
    required = flag.required and not flag.only
    sentences = [flag.help]
    sentences += [f"Required in a {flag.only} run."] if flag.required and flag.only else []
    sentences += [f"In a {flag.only} run only."] if flag.only and not flag.required else []
    sentences += [f"For example {flag.example}."] if flag.example and flag.form else []
    sentences += [f"Default: {_text(flag.default)}."] if flag.default is not None else []
    entry: dict[str, Any] = {
        "name": flag.name,
        "label": flag.name.replace("_", " ").capitalize(),
        "helpText": " ".join(sentences),
        "isOptional": not required,
        "paramType": _param_type(flag),
    }
    if flag.only == "backfill":
        entry |= {"parentName": "is_backfill", "parentTriggerValues": ["true"]}
    else:
        entry["groupName"] = title[0].upper() + title[1:]
    if flag.choices:
        entry["enumOptions"] = [{"value": choice, "label": choice} for choice in flag.choices]
    if flag.default is not None:
        entry["defaultValue"] = _text(flag.default)
    regex = _regex(flag)
    if regex:
        entry["regexes"] = [regex]
    return entry


def _param_type(flag: Flag) -> str:
    if flag.choices:
        return "ENUM"
    by_type = {truth: "BOOLEAN", int: "NUMBER", float: "NUMBER"}
    return by_type.get(flag.type) or PARAM_TYPES.get(flag.name, "TEXT")


def _regex(flag: Flag) -> str | None:
    """What a value must match from end to end, without what only Python's regular expressions know."""
    if flag.type is truth:
        return "^([Tt]rue|[Ff]alse)$"
    if flag.choices:
        return f"^({'|'.join(flag.choices)})$"
    form = flag.form.pattern if flag.form else NUMBERS.get(flag.type)
    if form is None:
        return None
    plain = re.sub(r"\(\?(P<\w+>|:)", "(", form)  # a group is a group: its name and kind do not matter here
    return f"^({plain})$"


def _text(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
