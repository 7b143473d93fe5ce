"""Draws a release as a tree: stages, regions, what is waited for. Texts from events are never markup."""

from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from lockgate.cli.view.model import Mark, RegionView, ReleaseView, StageView, State

_SIGNS = {
    Mark.AHEAD: ("·", "dim"),
    Mark.RUNNING: ("▶", "yellow"),
    Mark.DONE: ("✔", "green"),
    Mark.FAILED: ("✘", "bold red"),
    Mark.BACK: ("↩", "magenta"),
}
_COLOURS = {
    State.COMPLETED: "green",
    State.CLOSED: "red",
    State.RETURNING: "magenta",
    State.YIELDING: "magenta",
    State.FLAGS: "magenta",
    State.HELD: "bold yellow",
    State.SUPERSEDED: "dim",
}


def release_tree(view: ReleaseView, now: datetime | None = None) -> Tree:
    """With `now`, it tells of what is not answered yet how long ago it was asked for."""
    colour = _COLOURS.get(view.state, "cyan")
    title = Text.assemble(
        (f"{view.application} {view.names.called(view.application, view.artifact)}", "bold"),
        "  ",
        (view.state.value, colour),
    )
    if view.says:
        title.append(f"\n{view.told(view.says)}", style="dim")
    tree = Tree(title)
    for stage in view.stages.values():
        _add_stage(tree, stage, view, now)
    if view.back:
        branch = tree.add(Text(_way_back(list(view.back.values())), style="magenta"))
        for name, region in view.back.items():
            branch.add(_line(name, region, view, now))
    return tree


def _way_back(regions: list[RegionView]) -> str:
    """How many regions of all have answered the order to go back; in the end, how many went back."""
    of = f"of {len(regions)} region{'' if len(regions) == 1 else 's'}"
    if open_ := sum(region.mark is Mark.RUNNING for region in regions):
        return f"going back: {len(regions) - open_} {of}"
    return f"went back: {sum(region.mark is Mark.BACK for region in regions)} {of}"


def _add_stage(tree: Tree, stage: StageView, view: ReleaseView, now: datetime | None) -> None:
    sign, style = _SIGNS[stage.mark]
    kind = "" if stage.kind == stage.name else f" ({stage.kind})"
    text = Text.assemble(
        (f"{sign} ", style), (f"{stage.name}{kind}", "bold" if stage.mark is Mark.RUNNING else "")
    )
    if stage.says and stage.mark is not Mark.AHEAD:
        text.append(f"  {view.told(stage.says)}", style="red" if stage.mark is Mark.FAILED else "dim")
    branch = tree.add(text)
    if stage.mark is not Mark.AHEAD:
        for name, region in stage.regions.items():
            branch.add(_line(name, region, view, now))


def _line(name: str, region: RegionView, view: ReleaseView, now: datetime | None) -> Text:
    sign, style = _SIGNS[region.mark]
    text = Text.assemble((f"{sign} ", style), f"{name:<12}", (f" {view.told(_said(region, now))}", "dim"))
    if region.more:
        text.append(f"\n{'':<14} {view.told(region.more)}", style="dim")
    return text


def _said(region: RegionView, now: datetime | None) -> str:
    """What a region does; of what is not answered yet also since when, and until when it may take."""
    asked = region.asked
    if now is None or asked is None or region.answered or region.mark is not Mark.RUNNING:
        return region.says
    past = max(0.0, (now - datetime.fromisoformat(asked.at)).total_seconds())
    attempt = f"; attempt {asked.attempt} of {asked.attempts}" if asked.attempts > 1 else ""
    what = region.says.partition(", attempt")[0]
    left = asked.deadline - past
    until = f"{left:.0f} s left" if left > 0 else f"{-left:.0f} s beyond its deadline"
    return f"{what} {past:.0f} s ago{attempt}; not answered yet, {until}"
