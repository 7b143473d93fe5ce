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
    DEBT = "debt"
    NOTHING = "nothing"


class _Next(NamedTuple):
    says: str
    commands: tuple[str, ...] = ("lockgate status {application}",)


_NEXT: Final[dict[Following, _Next]] = {
    Following.REMEDIATION: _Next("Lockgate does what the plan says of a failure; nothing is asked of you."),
    Following.APPROVAL: _Next(
        "An operator says whether it may begin:",
        (
            'lockgate approve {application}{release} --stage {stage} --why "..."',
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
        "Nothing goes on until an operator takes it back all the same:",
        (
            'lockgate rollback {application}{release} --why "..."',
            'lockgate abort {application}{release} --why "..."',
        ),
    ),
    Following.FLAGS: _Next("It goes on if that helps, and is taken back if not; nothing is asked of you."),
    Following.ROLLBACK: _Next("Another notice follows when every region has answered."),
    Following.JUDGED_ANEW: _Next("It is taken back if it fails again; nothing is asked of you."),
    Following.FIX: _Next(
        "The next release may begin; a fix is announced with lockgate publish PACKAGE DIGEST."
    ),
    Following.DEBT: _Next(
        "Each of these regions is ordered back again when its deployer registers. See why it does not obey:"
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
