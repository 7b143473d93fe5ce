"""From an authenticated request to what is published of it: the steps that every route shares. Pure."""

from typing import NamedTuple

from lockgate.intake.door.answers import Code, Ignored, Refused
from lockgate.intake.door.callers import Caller
from lockgate.intake.door.delivery import (
    Delivery,
    Draft,
    Options,
    Outgoing,
    Translated,
    allowed,
    checked,
    plain,
)
from lockgate.intake.door.routes import BY_PATH, GETS, JSON, Route


class Judged(NamedTuple):
    outgoing: tuple[Outgoing, ...]
    ignored: tuple[Ignored, ...]


def route_of(method: str, path: str) -> Route | str:
    """The route of a POST, or the path of a GET. Refused if there is neither."""
    route = BY_PATH.get(path)
    known = "POST" if route else "GET" if path in GETS else None
    if known is None:
        paths = ", ".join((*BY_PATH, *GETS))
        raise Refused(Code.NOT_FOUND, f"nothing is at {plain(path, 100)}: there are {paths}")
    if method != known and (method, known) != ("HEAD", "GET"):
        detail = f"{path} takes {known} alone, and this is {plain(method, 20)}"
        raise Refused(Code.METHOD, detail, headers={"Allow": known})
    return route or path


def readable(route: Route, headers: dict[str, str]) -> None:
    """Refused if the headers say already that the body will not be read."""
    media = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if media not in route.bodies:
        raise Refused(
            Code.MEDIA_TYPE,
            f"{route.path} reads {' or '.join(route.bodies)}, and this is {plain(media, 80)!r}",
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(
            Code.MEDIA_TYPE, "the body is compressed, and signatures are over what is sent: send it as it is"
        )
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 12 or int(length) > route.most_bytes):
        raise too_large(route)


def too_large(route: Route) -> Refused:
    return Refused(
        Code.TOO_LARGE,
        f"{route.path} reads at most {route.most_bytes} bytes: send less at once, in several requests",
    )


def judged(route: Route, caller: Caller, delivery: Delivery, options: Options) -> Judged:
    """What is to be published, each part of it readable and allowed. Refused as a whole unless the route says otherwise."""
    translated: Translated = route.translate(delivery, options)
    found = [_one(route, caller, each) for each in translated.drafts]
    return Judged(
        tuple(each for each in found if isinstance(each, Outgoing)),
        (*translated.ignored, *(each for each in found if isinstance(each, Ignored))),
    )


def _one(route: Route, caller: Caller, draft: Draft) -> Outgoing | Ignored:
    """One event: in a delivery of which parts may be left out, what cannot be published spoils none of the others."""
    try:
        made = checked(draft)
        why = allowed(caller, made)
    except Refused as refused:
        if route.partial:
            return Ignored(what=draft.type, why=refused.detail)
        raise
    if why is None:
        return made
    if route.partial:
        return Ignored(what=plain(made.told.subject, 300), why=why)
    raise Refused(Code.FORBIDDEN, f"{why}; nothing of this delivery was published")
