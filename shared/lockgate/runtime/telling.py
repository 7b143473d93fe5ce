"""The log of what a service says: a line for each event, so that it tells the story of each release.

Under a storm a line for all of them at once: the topics have each, and a log that is written faster than anybody
reads costs a fifth of the processor.
"""

from collections.abc import Iterable

import structlog

from lockgate.runtime.batch import Out

log = structlog.get_logger()

EACH = 50


def tell(out: Iterable[Out], topic: str) -> None:
    """`about` is the event's subject, as `release/stage/region`; `id` is what other services name as their cause."""
    events = [record for record in out if record.topic == topic]
    if len(events) > EACH:
        applications = {record.key for record in events}
        log.info("emitted many", events=len(events), applications=len(applications))
        return
    for record in events:
        headers = dict(record.headers)
        log.info(
            "emitted",
            type=headers["ce_type"].decode(),
            application=(record.key or b"").decode(),
            about=headers["ce_subject"].decode(),
            id=headers["ce_id"].decode(),
        )
