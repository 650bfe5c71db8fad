"""RFC 3339 text to and from microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache

MIN_US = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, where BigQuery's timestamps begin."""
MAX_US = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, where they end."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)

# The usual endings of a timestamp, `.123Z` and `.123456Z` or with `+00:00`, are looked up in parts: among all
# else that parsing a chunk does, tables of 100 entries measured quicker than such of 1,000.
_HUNDREDTHS_US = {f".{number:02d}": number * 10_000 for number in range(100)}
_TWO_DIGITS = {f"{number:02d}": number for number in range(100)}
_LAST_US = {f"{number:02d}{zone}": number for number in range(100) for zone in ("Z", "+00:00")}
_THOUSANDTHS_US = {f"{number}{zone}": number * 1_000 for number in range(10) for zone in ("Z", "+00:00")}


def parse_rfc3339_us(text: str) -> int:
    """Return the microseconds that `text` stands for, cut and not rounded.

    Raises ValueError, with words that follow "it", for text that RFC 3339's grammar refuses (a space
    for the `T`, no offset), a date or time that does not exist (a leap second, the year 0000), or a
    time that leaves the years 0001 to 9999 in UTC.
    """
    length = len(text)
    try:
        if length == 27 or length == 32:
            rest_us = _TWO_DIGITS[text[22:24]] * 100 + _LAST_US[text[24:]]
        elif length == 24 or length == 29:
            rest_us = _THOUSANDTHS_US[text[22:]]
        else:
            return _second_us(text[:19]) if text[19:] == "Z" else _parse_any(text)
        return _second_us(text[:19]) + _HUNDREDTHS_US[text[19:22]] + rest_us
    except KeyError:
        return _parse_any(text)


def format_rfc3339(time_us: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SS.ffffffZ`; `time_us` must lie in the years 0001 to 9999."""
    return f"{_second_text(time_us // 1_000_000)}.{time_us % 1_000_000:06d}Z"


# Events come in the order of time, more or less: these seconds serve nearly all of them.
@lru_cache(maxsize=16_384)
def _second_us(text: str) -> int:
    return _parse_any(f"{text}Z")


@lru_cache(maxsize=16_384)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()


def _parse_any(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("is not RFC 3339, such as 2024-05-01T12:00:00Z")
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hour, offset_minute = match.group(7, 8, 9, 10)
    if second == 60:
        raise ValueError("has a leap second (:60), which cannot be stored")
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("has a time of day that does not exist")
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        raise ValueError("has a date that does not exist") from None
    time_us = ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000
    if fraction is not None:
        time_us += int(fraction[:6].ljust(6, "0"))
    if sign is not None:
        if int(offset_hour) > 23 or int(offset_minute) > 59:
            raise ValueError("has an offset that does not exist")
        offset_us = (int(offset_hour) * 60 + int(offset_minute)) * 60_000_000
        time_us += offset_us if sign == "-" else -offset_us
    if not MIN_US <= time_us <= MAX_US:
        raise ValueError("leaves the years 0001 to 9999 in UTC")
    return time_us
