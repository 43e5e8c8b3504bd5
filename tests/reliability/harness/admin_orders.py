"""What a gateway is told over its admin API, and the sentences that it refuses a wrong order with."""

import datetime
import json

CLOSE_CODES = (1001, 1012, 1013)
RATE_MAX = 1e9
JITTER_MS_MAX = 86_400_000
COUNT_MAX = 4_000_000
ID_MAX = 128


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def parse_drain(body):
    """PUT /admin/v1/drain."""
    given = _object(body)
    if not isinstance(given.get("reason"), str):
        raise Refused(400, "reason must be a string")
    deadline = _parse_rfc3339(given.get("deadline"))
    if deadline is None:
        raise Refused(400, "deadline must be an RFC 3339 time")
    return {"reason": given["reason"][:256], "deadline": deadline, **_pace(given)}


def parse_shed(body):
    """PUT /admin/v1/shed."""
    given = _object(body)
    name = given.get("id")
    if not isinstance(name, str) or not 1 <= len(name) <= ID_MAX or not all(" " < letter < "\x7f" for letter in name):
        raise Refused(400, "id must be 1 to 128 printable ASCII characters without blanks")
    if not _is_integer(given.get("count"), COUNT_MAX):
        raise Refused(400, "count must be an integer from 0 to 4000000")
    return {"id": name, "count": given["count"], **_pace(given)}


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _object(body):
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "the message is not valid JSON")
    return given


def _pace(given):
    rate = given.get("ratePerSecond")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= RATE_MAX:
        raise Refused(400, "ratePerSecond must be a number from 0 to 1e9")
    if given.get("closeCode", CLOSE_CODES[1]) not in CLOSE_CODES:
        raise Refused(400, "closeCode must be 1001, 1012 or 1013")
    if not _is_integer(given.get("hintJitterMs", 0), JITTER_MS_MAX):
        raise Refused(400, "hintJitterMs must be an integer from 0 to 86400000")
    return {"rate": rate, "jitter": given.get("hintJitterMs", 0) / 1000, "code": given.get("closeCode", 1012)}


def _is_integer(value, most):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _parse_rfc3339(text):
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None
