"""A notice as a receiver reads it: Slack's blocks, or JSON for whoever takes webhooks. Pure.

Templates are of the settings. What an event says is put in for their names and never read as a template itself.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from string import Template
from typing import Final

from lockgate.ledger.notifying.notice import Notice
from lockgate.runtime import canonical

PLAIN: Final = "${what}${where}\n${why}\n${next}"
MRKDWN: Final = "*${what}*${where}\n${why}\n${next}"
FIELDS: Final = frozenset(
    {
        "what",
        "where",
        "why",
        "next",
        "kind",
        "application",
        "release",
        "version",
        "stage",
        "regions",
        "at",
        "id",
    }
)
"""What a template may name."""

MOST_TEXT: Final = 3000  # of a text object, as Slack bounds it
MOST_WHY: Final = 1500
NAMED: Final = 10
"""Regions in a text; the JSON names all."""

SIGNED_PREFIX: Final = "whsec_"


def template_problem(text: str) -> str | None:
    """What is wrong with a template, and what to write; None if nothing is."""
    template = Template(text)
    if not template.is_valid():
        return "has a $ that begins no name: write ${what}, and $$ for a dollar sign"
    if unknown := sorted(set(template.get_identifiers()) - FIELDS):
        return f"names {unknown[0]}, and may name {', '.join(sorted(FIELDS))}"
    return None


def webhook(notice: Notice, template: str | None) -> bytes:
    """Every field, and the same as one text, which chats other than Slack take too."""
    text = _rendered(notice, template or PLAIN, escape=str, code="{}")
    return canonical.dumps({**notice.model_dump(mode="json"), "text": text})


def slack(notice: Notice, template: str | None) -> bytes:
    """A message of one section. Its text outside of the section is what a phone shows first."""
    section = _rendered(notice, template or MRKDWN, escape=escaped, code="`{}`")
    text = {"type": "mrkdwn", "text": section[:MOST_TEXT], "verbatim": True}
    return canonical.dumps(
        {
            "text": escaped(notice.what),
            "blocks": [{"type": "section", "text": text}],
            "unfurl_links": False,
            "unfurl_media": False,
        }
    )


def escaped(text: str) -> str:
    """Text that is no mention, link or channel for Slack, whatever it says. Bold and code it may be."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def signature(key: bytes, notice_id: str, timestamp: int, body: bytes) -> str:
    """As Standard Webhooks says, so that receivers can check it with a library."""
    signed = hmac.new(key, f"{notice_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def signing_key(secret: str) -> bytes:
    """The bytes of a secret: `whsec_` and base64, or any text as it is. ValueError if it is no base64."""
    if secret.startswith(SIGNED_PREFIX):
        return base64.b64decode(secret.removeprefix(SIGNED_PREFIX), validate=True)
    return secret.encode()


def _rendered(notice: Notice, template: str, *, escape: Callable[[str], str], code: str) -> str:
    commands = [code.format(escape(command)) for command in notice.commands]
    regions = _listed(notice.regions)
    values = {
        "what": notice.what,
        "where": f" ({regions})" if regions else "",
        "why": _shortened(notice.why, escape),
        "kind": notice.kind.value,
        "application": notice.application,
        "release": notice.release,
        "version": notice.version,
        "stage": notice.stage or "",
        "regions": regions,
        "at": notice.at.isoformat(timespec="seconds"),
        "id": notice.id,
    }
    filled = {name: escape(value) for name, value in values.items()}
    return Template(template).substitute(filled, next="\n".join([escape(notice.says), *commands]))


def _listed(regions: tuple[str, ...]) -> str:
    more = len(regions) - NAMED
    return ", ".join(regions[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _shortened(text: str, escape: Callable[[str], str]) -> str:
    """So much of it that what comes after it has room, however much longer escaping makes it."""
    most = MOST_WHY
    while len(escape(text[:most])) > MOST_WHY:
        most -= 100
    return text if len(text) <= most else f"{text[:most]}…"
