"""The evidence of a verdict, scrape by scrape, as lines of text and as an SVG. Reads the verdict's record only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from lockgate.cli.view.content import columns
from lockgate.cli.view.plain import plain

_STEPS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 200, 60, 40
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#994f00", "#000000")


def explained(verdict: Mapping[str, Any]) -> str:
    """The verdict with its reason, and how the evidence of each metric grew: a full block is enough to fail."""
    record = verdict["evidence"]
    limit = float(record["thresholds"]["fail"])
    rows = [("", "evidence against it, 1 to ...", "", "estimate", "since")]
    for name, metric in record["metrics"].items():
        ends = (
            (metric["estimate"][-1] or "", str(int(metric["from"][-1]) + 1)) if metric["ln_e"] else ("", "")
        )
        rows.append((plain(name), _bars(metric["ln_e"], limit), _last(metric["ln_e"]), *ends))
    rows.append(("all together", _bars(record["ln_total"], limit), _last(record["ln_total"]), "", ""))
    rows += [
        (
            f"no worse: {plain(name)}",
            _bars(series, float(record["thresholds"]["pass"])),
            _last(series),
            "",
            "",
        )
        for name, series in _mirrored(record)
    ]
    head = f"{verdict['verdict']} at scrape {verdict['at']} ({plain(verdict['why'])}): {plain(verdict['reason'])}"
    warnings = [f"warning: {text}" for text in record["setup"]["warnings"]]
    return "\n".join([head, *warnings, *(f"  {line}" for line in columns(rows))])


def svg(verdicts: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    """One panel below the other, each with its line's number."""
    height = _HEIGHT + 2 * _TOP
    panels = [
        f'<g transform="translate(0,{height * place})">{"".join(_panel(number, verdict))}</g>'
        for place, (number, verdict) in enumerate(verdicts)
    ]
    size = f'width="{_WIDTH + 260}" height="{height * len(panels)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{chr(10).join(panels)}\n</svg>\n'
    )


def _panel(number: int, verdict: Mapping[str, Any]) -> Iterator[str]:
    record = verdict["evidence"]
    limit = float(record["thresholds"]["fail"])
    series = {name: metric["ln_e"] for name, metric in record["metrics"].items()}
    highest = max([limit, *(float(value) for values in series.values() for value in values)]) * 1.1
    last = max(int(record["policy"]["deadline"]), 1)
    title = f"line {number}: {verdict['verdict']} at scrape {verdict['at']} ({verdict['why']})"
    yield f'<text x="{_LEFT}" y="24">{escape(plain(title))}</text>'
    level = _TOP + _HEIGHT * (1 - limit / highest)
    yield (
        f'<path d="M{_LEFT} {_TOP}v{_HEIGHT}h{_WIDTH - _LEFT}" fill="none" stroke="black"/>'
        f'<path d="M{_LEFT} {level:.1f}H{_WIDTH}" stroke="red" stroke-dasharray="4"/>'
        f'<text x="4" y="{level:.1f}">fail</text><text x="4" y="{_TOP + _HEIGHT}">ln E = 0</text>'
        f'<text x="{_WIDTH - 60}" y="{_TOP + _HEIGHT + 16}">scrape {last}</text>'
    )
    for place, (name, values) in enumerate(series.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        at = [_LEFT + (_WIDTH - _LEFT) * (int(t) + 1) / last for t in record["measured"]["t"]]
        y = [_TOP + _HEIGHT * (1 - max(float(value), 0.0) / highest) for value in values]
        path = "".join(
            f"{'L' if i else 'M'}{a:.1f} {b:.1f}" for i, (a, b) in enumerate(zip(at, y, strict=True))
        )
        yield f'<path d="{path}" fill="none" stroke="{colour}"/>' if path else ""
        yield f'<text x="{_WIDTH + 12}" y="{_TOP + 14 * place + 12}" fill="{colour}">{escape(plain(name))}</text>'


def _mirrored(record: Mapping[str, Any]) -> Iterator[tuple[str, list[str | None]]]:
    """Those of errors, each bound and each gauge, in the order of the record."""
    names = [
        "errors",
        *(f"latency>{bound}" for bound in record["setup"]["bounds"]),
        *record["setup"]["gauges"],
    ]
    yield from zip(names, record["mirrored"], strict=True)


def _bars(values: list[str | None], limit: float) -> str:
    full = len(_STEPS) - 1
    return "".join(_STEPS[max(0, min(full, int(full * float(value or 0) / limit)))] for value in values)


def _last(values: list[str | None]) -> str:
    if not values or values[-1] is None:
        return ""
    power = float(values[-1]) / 2.302585092994046
    return f"{10**power:.3g}" if abs(power) < 6 else f"10^{power:.0f}"
