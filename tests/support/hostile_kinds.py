"""The kinds of hostile records, as one table. Their fates are written by hand.

What only looks hostile has its place here too: it must be handled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

from tests.support.hostile_drafts import Raw
from tests.support.hostile_events import EVENTS, HEADERS
from tests.support.hostile_kind import Ends, Kind
from tests.support.hostile_ours import BATCHES, LEGAL, OURS
from tests.support.hostile_values import VALUES

KINDS: Mapping[str, Kind] = {
    each.name: each for each in (*VALUES, *EVENTS, *HEADERS, *OURS, *LEGAL, *BATCHES)
}


def from_table(chance: Random) -> Iterator[tuple[str, list[tuple[Raw, Ends]]]]:
    """Names of kinds with records of them, without an end: first each kind on each of its topics, then at random."""
    pairs = [(each, topic) for each in KINDS.values() for topic in each.topics]
    chance.shuffle(pairs)
    for each, topic in pairs:
        yield each.name, replace(each, topics=(topic,)).drawn(chance)
    kinds, often = list(KINDS.values()), [each.often for each in KINDS.values()]
    while True:
        found = chance.choices(kinds, often)[0]
        yield found.name, found.drawn(chance)
