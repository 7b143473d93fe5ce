"""What comes next, as a table: what Lockgate does by itself, and which commands are an operator's. Pure.

The commands are those of docs/operations.md. Nothing but names and ids, which have no blank or quote, becomes part of one.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Following(StrEnum):
    """What follows from what people are told."""

    REMEDIATION = "remediation"
    APPROVAL = "approval"
    HELD_STAGE = "held-stage"
    HELD = "held"
    FLAGS = "flags"
    ROLLBACK = "rollback"
    JUDGED_ANEW = "judged-anew"
    FIX = "fix"
    RESUME = "resume"
    DEBT = "debt"
    NOTHING = "nothing"


class _Next(NamedTuple):
    says: str
    commands: tuple[str, ...] = ("lockgate status {application}",)


_FIX: Final = 'lockgate fix {application} --artifact "pkg:oci/..." --why "..."'

_NEXT: Final[dict[Following, _Next]] = {
    Following.REMEDIATION: _Next(
        "Lockgate does what the plan says of a failure; if that asks anything of you, another notice follows."
    ),
    Following.APPROVAL: _Next(
        'An operator says whether it may begin. "Not today" is abort; reject marks its version bad:',
        (
            'lockgate approve {application}{release} --stage {stage} --why "..."',
            'lockgate abort {application}{release} --why "..."',
            'lockgate reject {application}{release} --stage {stage} --why "..."',
        ),
    ),
    Following.HELD_STAGE: _Next(
        "It goes on by itself if only metrics were missing and they are back; else an operator says what follows:",
        (
            'lockgate approve {application}{release} --stage {stage} --why "..."',
            'lockgate retry {application}{release} --stage {stage} --why "..."',
            'lockgate reject {application}{release} --stage {stage} --why "..."',
        ),
    ),
    Following.HELD: _Next(
        "Nothing goes on until an operator says what follows. A fix goes on from here; the others take it back all the same:",
        (
            _FIX,
            'lockgate rollback {application}{release} --why "..."',
            'lockgate abort {application}{release} --why "..."',
        ),
    ),
    Following.FLAGS: _Next(
        "It goes on if that helps. If not, it is taken back or held, and another notice follows."
    ),
    Following.ROLLBACK: _Next("Another notice follows when every region has answered."),
    Following.JUDGED_ANEW: _Next("If it fails again, it is taken back or held, and another notice follows."),
    Following.FIX: _Next(
        "The next release may begin. Where no fix is under way yet, one goes before all that wait:", (_FIX,)
    ),
    Following.DEBT: _Next(
        "Each of these regions is ordered back again when its deployer registers, where there is a version to go back to."
        " See why it does not obey; a fix replaces what runs there:",
        ("lockgate status {application}", _FIX),
    ),
    Following.RESUME: _Next(
        "The application is paused, unless a fix is on its way. Nothing more begins until somebody has found out what is wrong. A fix"
        " goes before all that waits, and ends that pause unless an operator set it; resume lets what waits begin:",
        (_FIX, 'lockgate resume {application} --why "..."'),
    ),
    Following.NOTHING: _Next("Nothing is asked of you."),
}


def says(following: Following) -> str:
    return _NEXT[following].says


def commands(
    following: Following, application: str, release: str | None, stage: str | None
) -> tuple[str, ...]:
    """What to type. With the release's id, so that a late answer is not taken for one about the next release."""
    named = f" --release {release}" if release else ""
    return tuple(
        command.format(application=application, release=named, stage=stage)
        for command in _NEXT[following].commands
    )
