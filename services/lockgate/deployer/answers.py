"""What an API server's answers mean: objects, lines of a watch, and refusals as a closed set (`Trouble`). Pure."""

from enum import StrEnum
from typing import Final

import orjson

from lockgate.deployer.objects import Json
from lockgate.deployer.settings import RegionSettings


class Trouble(StrEnum):
    """Why the API server did not do what it was asked."""

    CONFLICT = "conflict"  # 409: it exists already, or a precondition does not hold
    GONE = "gone"  # 410: a continuation is too old
    NOT_FOUND = "not-found"  # 404
    FORBIDDEN = "forbidden"  # 401 and 403, an admission policy's refusal included
    INVALID = "invalid"  # other 4xx; also what a JSON Patch whose test does not hold is answered with
    UNAVAILABLE = "unavailable"  # 429, 5xx, no answer in time: it may have been done or not


class ClusterError(Exception):
    """A request to a cluster failed; the message is a sentence for people."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


class NoAnswerError(ClusterError):
    """There was no whole answer in the time that it had. Through a Service, that may be the Service's own slowness."""


class BrokenError(ClusterError):
    """A pod took the request that the API server passed on, and broke the connection: it may have done what was asked."""


class AbsentError(ClusterError):
    """No pod took the request that the API server would have passed on: none is ready, or none listens."""


_PASSING: Final = "error trying to reach service: "
_BROKEN: Final = ("EOF", "connection reset by peer", "broken pipe", "malformed HTTP")
_REFUSED: Final = ("dial tcp ", "connect: connection refused")
_NONE_READY: Final = "no endpoints available for service"

TROUBLES = {
    401: Trouble.FORBIDDEN,
    403: Trouble.FORBIDDEN,
    404: Trouble.NOT_FOUND,
    409: Trouble.CONFLICT,
    410: Trouble.GONE,
    429: Trouble.UNAVAILABLE,
}


def refused(
    settings: RegionSettings,
    status: int,
    raw: bytes,
    what: str,
    kind: type[ClusterError] = ClusterError,
) -> ClusterError:
    """The error that a Status object speaks of."""
    trouble = TROUBLES.get(status, Trouble.UNAVAILABLE if status >= 500 else Trouble.INVALID)
    try:
        text = str(orjson.loads(raw).get("message", ""))
    except (orjson.JSONDecodeError, AttributeError):
        text = raw[:200].decode(errors="replace")
    told = f"The cluster of {settings.region} answered {what} with {status}: {text[:500]}"
    return kind(trouble, f"{told}{_remedy(settings, status)}")


def not_passed_on(settings: RegionSettings, status: int, raw: bytes, what: str) -> ClusterError:
    """As `refused`, of a request for a Service, told apart by whether it is the pods that failed it.

    What may as well be the way from the API server to the nodes (a time-out, no route, a tunnel) is not said to be the pods.
    """
    if status < 500:
        return refused(settings, status, raw, what)
    said = str(orjson.loads(raw).get("message", ""))
    why = said.removeprefix(_PASSING) if said.startswith(_PASSING) else ""
    if any(words in why for words in _BROKEN):
        return refused(settings, status, raw, what, BrokenError)
    if said.startswith(_NONE_READY) or (why.startswith(_REFUSED[0]) and why.endswith(_REFUSED[1])):
        return refused(settings, status, raw, what, AbsentError)
    return refused(settings, status, raw, what)


def _remedy(settings: RegionSettings, status: int) -> str:
    """What to do about a refusal for which the region's own set-up is to blame."""
    match status:
        case 401:
            return ". The deployer's token is not valid, or no longer: make a new one (kubectl create token)."
        case 403:
            return (
                f". See that the namespace {settings.namespace} exists, and that the deployer has the Role "
                "of charts/lockgate there."
            )
        case _:
            return ""


def is_status(raw: bytes) -> bool:
    """Whether an answer is the API server's own."""
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and (answer.get("kind"), answer.get("apiVersion")) == ("Status", "v1")


def json_object(raw: bytes, what: str) -> Json:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ClusterError(
            Trouble.UNAVAILABLE, f"The answer about {what} is no JSON object; is this an API server?"
        )
    return answer


def changed(settings: RegionSettings, line: bytes, what: str) -> Json | None:
    """The state of an object that a line of a watch tells; None if the object was deleted. ClusterError for an error."""
    event = json_object(line, what)
    obj = event.get("object")
    match event.get("type"):
        case "ADDED" | "MODIFIED" if isinstance(obj, dict):
            return obj
        case "DELETED":
            return None
        case "ERROR" if isinstance(obj, dict) and isinstance(obj.get("code"), int):
            raise refused(settings, obj["code"], orjson.dumps(obj), what)
        case other:
            raise ClusterError(
                Trouble.UNAVAILABLE,
                f"The cluster of {settings.region} told of {what} by the event {str(other)[:80]!r}, which is none.",
            )
