"""The ids of what operators deliver. Each request is another event, unless it brings an Idempotency-Key
(draft-ietf-httpapi-idempotency-key-header), with which it may be repeated without fear. Pure.
"""

import hashlib
from typing import Final

from lockgate.intake.door.answers import Code, Refused
from lockgate.intake.door.delivery import Delivery
from lockgate.messages.message import derived_id

KEY: Final = "Idempotency-Key"
MOST_KEY: Final = 200


def id_of(delivery: Delivery, source: str, application: str) -> str:
    key = delivery.headers.get(KEY.lower())
    if key is None:
        return delivery.fresh
    if not 1 <= len(key) <= MOST_KEY or not key.isascii():
        raise Refused(
            Code.MALFORMED, f"{KEY} must have 1 to {MOST_KEY} plain characters: send a UUID, for instance"
        )
    body = hashlib.sha256(delivery.body).hexdigest()  # one key for two bodies would hide the second
    return derived_id("door", source, delivery.caller, application, key, body)
