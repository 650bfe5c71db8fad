"""Slack, by an incoming webhook."""

from __future__ import annotations

from alert import Alert
from channels.http_post import post_json
from channels.text import expected_range, number

_MAX_TEXT_CHARS = 3_000  # of a section's text; Slack refuses the whole message beyond it
_MAX_FIELD_CHARS = 400  # Slack takes 2,000, people do not
_SIGNS = {
    "critical": ":red_circle:",
    "error": ":large_orange_circle:",
    "warning": ":large_yellow_circle:",
    "info": ":large_blue_circle:",
}
_RESOLVED_SIGN = ":white_check_mark:"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SlackChannel:
    """Posts one message an alert. The webhook's URL is the secret."""

    name = "slack"
    holds_incidents = False

    def __init__(self, webhook_url: str) -> None:
        self._webhook_url = webhook_url

    def send(self, alert: Alert) -> None:
        """Post the message. Raises Unavailable or Refused."""
        post_json(self._webhook_url, slack_message(alert))


def slack_message(alert: Alert) -> dict[str, object]:
    """Return the message: `text` for notifications, `blocks` for the channel, both within Slack's limits.

    Everything from the alert is escaped: an order's category may say <!channel>.
    """
    sign = _RESOLVED_SIGN if alert.state == "resolved" else _SIGNS[alert.severity]
    headline = f"{sign} *{alert.severity.upper()}, {alert.state}*\n"
    facts = (
        ("Measured", f"{number(alert.value)} ({alert.metric})"),
        ("Expected", expected_range(alert)),
        ("Where", f"{alert.dimension} = {alert.dimension_value}"),
        ("Window", f"{alert.window_start} to {alert.window_end}"),
    )
    origin = f"{alert.kind}, alert {alert.alert_id}, run {alert.run_id}"
    return {
        "text": escaped(f"{alert.severity.upper()}, {alert.state}: {alert.summary}", _MAX_TEXT_CHARS),
        "blocks": [
            _section(headline + escaped(alert.summary, _MAX_TEXT_CHARS - len(headline))),
            {
                "type": "section",
                "fields": [_mrkdwn(f"*{name}*\n{escaped(fact, _MAX_FIELD_CHARS)}") for name, fact in facts],
            },
            {"type": "context", "elements": [_mrkdwn(escaped(origin, _MAX_FIELD_CHARS))]},
        ],
    }


def escaped(text: str, max_chars: int) -> str:
    """Return the text with Slack's three control characters escaped, cut so that no entity is cut through.

    max_chars counts the escaped text, as Slack does.
    """
    pieces = [_ESCAPES.get(char, char) for char in text[: max_chars + 1]]
    if sum(map(len, pieces)) <= max_chars:
        return "".join(pieces)
    length, kept = 1, []  # 1 for the ellipsis
    for piece in pieces:
        length += len(piece)
        if length > max_chars:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}
