"""Slack, by an incoming webhook."""

from __future__ import annotations

from alert import Alert
from channels.http_post import TRY_SECONDS, Endpoint
from channels.slack_text import code_block, escaped
from channels.text import cut, expected_range, number, since, window
from structured_log import printable

MAX_HEADER_CHARS = 150
MAX_TEXT_CHARS = 3_000  # of a section's text; Slack refuses the whole message beyond it
_MAX_FIELD_CHARS = 400  # Slack takes 2,000, people do not
_SIGNS = {
    "critical": ":red_circle:",
    "error": ":large_orange_circle:",
    "warning": ":large_yellow_circle:",
    "info": ":large_blue_circle:",
}
_RESOLVED_SIGN = ":white_check_mark:"


class SlackChannel:
    """Posts one message an alert. The webhook's URL is the secret."""

    name = "slack"
    holds_incidents = False
    hears_late_states = False

    def __init__(self, webhook_url: str, *, try_seconds: float = TRY_SECONDS) -> None:
        self._endpoint = Endpoint(webhook_url, try_seconds=try_seconds)

    def send(self, alert: Alert) -> None:
        """Post the message. Raises Unavailable or Refused."""
        self._endpoint.post(slack_message(alert))


def slack_message(alert: Alert) -> dict[str, object]:
    """Return the message: `text` for notifications, `blocks` for the channel, both within Slack's limits.

    From top to bottom: what and where; the sentence; the figures; the query; where it comes from. Everything
    from the alert is escaped: an order's category may say <!channel>.
    """
    sign = _RESOLVED_SIGN if alert.state == "resolved" else _SIGNS[alert.severity]
    title = f"{alert.kind.replace('_', ' ')}: {alert.dimension} = {alert.dimension_value}"
    headline = f"*{alert.severity.upper()}, {alert.state}*\n"
    facts = (
        ("Measured", f"{number(alert.value)} ({alert.metric})"),
        ("Expected", expected_range(alert)),
        ("Window", window(alert)),
        ("Since", since(alert)),
    )
    origin = f"alert {alert.alert_id}, run {alert.run_id}"
    query, is_whole = code_block(alert.query or "", MAX_TEXT_CHARS)
    if not is_whole:
        origin = f"The query is cut; it is whole in the table alerts. {origin}"
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": _plain(cut(f"{sign} {printable(title)}", MAX_HEADER_CHARS))},
        _section(headline + escaped(printable(alert.summary), MAX_TEXT_CHARS - len(headline))),
        {
            "type": "section",
            "fields": [
                _mrkdwn(f"*{name}*\n{escaped(printable(fact), _MAX_FIELD_CHARS)}") for name, fact in facts
            ],
        },
        *([_section(query)] if alert.query else []),
        {"type": "context", "elements": [_mrkdwn(escaped(printable(origin), _MAX_FIELD_CHARS))]},
    ]
    return {
        "text": escaped(
            f"{alert.severity.upper()}, {alert.state}: {printable(alert.summary)}", MAX_TEXT_CHARS
        ),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _plain(text: str) -> dict[str, object]:
    return {"type": "plain_text", "text": text, "emoji": True}


def _mrkdwn(text: str) -> dict[str, object]:
    # Verbatim: what looks like an address or a channel in an order is not made into a link.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
