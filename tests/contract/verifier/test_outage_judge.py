"""The judge of releases whose metrics were away: it takes one that went as it has to, and names what is wrong with any other."""

from dataclasses import replace
from typing import Any

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Outcome, StageWaiting, VerdictReached, WaitingFor
from tests.support.outage_judge import Met, Outage, Story, Told, judged
from tests.support.verifier import APPLICATION, RELEASE, WATCH, WAVE, in_production

ABOUT: dict[str, Any] = {"application": APPLICATION, "release": RELEASE, "stage": "pilot"}
AWAY = "Prometheus at http://127.0.0.1:9 cannot be reached: ServerDisconnectedError: Server disconnected"
BY_ITSELF = "It goes on by itself when the metrics of eu-west are back."


def waits(for_: WaitingFor, reason: str) -> StageWaiting:
    return StageWaiting(**ABOUT, waiting_for=for_, reason=reason)


def verdict(outcome: Outcome, scrapes: int = 0, requests: int = 0) -> VerdictReached:
    evidence = {"measured": {"scrapes": str(scrapes), "n": [[str(requests)], ["60000"]]}}
    return VerdictReached(**ABOUT, outcome=outcome, reason="It is so.", evidence=evidence)


DARK = waits(WaitingFor.METRICS, f"The metrics cannot be read: {AWAY}.")
HELD = waits(WaitingFor.HELD, f"The release is held. There was nothing to measure: {AWAY}. {BY_ITSELF}")
AGAIN = waits(WaitingFor.EVIDENCE, "The pilot is compared with production.")
UNMEASURABLE = verdict(Outcome.UNMEASURABLE)
PASS = verdict(Outcome.PASS, 8, 60_000)
GRANTED = in_production(WAVE, WATCH).grants()[0]


def told(*moments: int) -> list[Told]:
    """3,000 requests each second."""
    return [Told(at + 0.5, 3_000 * (at + 2)) for at in moments]


def story(*events: tuple[float, Payload]) -> Story:
    """Prometheus was away from 4 s to 24 s; 4 scrapes before and 4 after were told, and one before the release began."""
    return Story(
        outage=Outage("stopped", 4.0, 20.0),
        began=4.0,
        ended=24.0,
        failed=18,
        told=told(-1, 0, 1, 2, 3, 24, 25, 26, 27),
        events=events,
    )


BEFORE: tuple[tuple[float, Payload], ...] = ((4.5, DARK), (8.0, UNMEASURABLE), (8.0, HELD), (24.9, AGAIN))
GOOD = story(*BEFORE, (28.0, PASS), (28.0, GRANTED))


def test_a_release_that_is_held_and_passes_after_it_went_on_is_as_it_has_to_be() -> None:
    assert judged(GOOD) == Met("stopped", 20.0, held=True, back=4.0)


def test_one_that_was_decided_before_the_outage_could_matter_does_not_count() -> None:
    early = verdict(Outcome.PASS, 6, 15_000)
    seen = replace(
        story((6.5, early), (6.5, GRANTED)), began=6.0, told=told(-1, *range(6)), ended=9.0, failed=0
    )
    assert judged(seen) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (story(*BEFORE, (28.0, verdict(Outcome.FAIL))), "fail: It is so."),
        (story(*BEFORE, (28.0, verdict(Outcome.INCONCLUSIVE))), "inconclusive: It is so."),
        (story(*BEFORE), "unmeasurable: It is so."),
        (story(*BEFORE, (26.0, verdict(Outcome.FAIL)), (28.0, PASS), (28.0, GRANTED)), "It is so."),
        (story((3.0, UNMEASURABLE), (28.0, PASS), (28.0, GRANTED)), "held before the outage"),
        (story(*BEFORE, (28.0, PASS)), "its wave was not granted"),
        (story(*BEFORE, (28.0, verdict(Outcome.PASS, 5, 9_000)), (28.0, GRANTED)), "passed by 5 scrapes"),
        (
            story(*BEFORE, (28.0, verdict(Outcome.PASS, 20, 60_000)), (28.0, GRANTED)),
            "passed by 20 scrapes, and 8",
        ),
        (
            story(*BEFORE, (28.0, verdict(Outcome.PASS, 8, 90_000)), (28.0, GRANTED)),
            "passed by 90000 requests of the pilot, and 84000 were",
        ),
        (
            replace(
                story((4.5, DARK), (20.0, PASS), (20.0, GRANTED)),
                told=told(*range(-1, 20)),
            ),
            "passed 16.0 s into it, with nothing to read",
        ),
        (replace(GOOD, failed=0), "nothing failed in it"),
        (story((28.0, PASS), (28.0, GRANTED)), "it never said 'cannot be reached: '"),
        (replace(GOOD, outage=Outage("5xx", 4.0, 20.0)), "it never said 'Prometheus answered 503"),
        (story((4.5, DARK), (28.0, PASS), (28.0, GRANTED)), "it was not held"),
        (
            story((4.5, DARK), (8.0, waits(WaitingFor.HELD, f"{AWAY}.")), (28.0, PASS), (28.0, GRANTED)),
            "cannot be reached",
        ),
    ],
)
def test_any_other_is_named_with_what_is_wrong(wrong: Story, said: str) -> None:
    with pytest.raises(AssertionError) as error:
        judged(wrong)
    assert said in str(error.value)
