"""The options by which `plan check` is told the traffic, or where to measure it."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError

from lockgate.cli.options import seconds
from lockgate.messages.plan import PilotStage, Plan, WaveStage
from lockgate.messages.strategies import Canary
from lockgate.messages.values import Name, parse_duration, parse_share

P99: Final = 4.0
"""Times the median, where only that is given."""
ERRORS: Final = 0.001
MEDIAN: Final = 0.1
PODS: Final = 10
SINCE: Final = 3600.0
"""What is taken where nothing is said."""
SHORTEST: Final = 300.0
LONGEST: Final = 7 * 86_400.0
_URL: Final = re.compile(r"https?://[^\s]+")
_NAMES: Final[TypeAdapter[str]] = TypeAdapter(Name)


def _share(text: str) -> float:
    try:
        found = float(parse_share(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not 0 <= found < 1:
        raise typer.BadParameter(f"{text} of the requests cannot fail: write less than 100%")
    return found


@dataclass(frozen=True, slots=True)
class Answered:
    """Within how many seconds half of the requests are, and 99 %."""

    half: float
    late: float


def _latency(text: str) -> Answered:
    median, _, late = text.partition("/")
    try:
        found = float(parse_duration(median))
        last = float(parse_duration(late)) if late else P99 * found
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not 0 < found < last:
        raise typer.BadParameter(
            "write the median and then what 99 % are answered within, which is more, such as 120ms/800ms"
        )
    return Answered(found, last)


RequestsOption = Annotated[
    float | None,
    typer.Option(
        "--requests-per-second",
        metavar="NUMBER",
        min=0.0001,
        max=1e6,
        help="Of the application in one region, in all: then it is told how comparisons would end with so much traffic.",
    ),
]
ErrorsOption = Annotated[
    float | None,
    typer.Option(
        "--error-rate", parser=_share, metavar="SHARE", help="Of these requests fail, such as 0.1%."
    ),
]
LatencyOption = Annotated[
    Answered | None,
    typer.Option(
        "--latency",
        parser=_latency,
        metavar="MEDIAN[/P99]",
        help="Half of them are answered within, and 99 %, such as 120ms/800ms.",
    ),
]
PodsOption = Annotated[
    int | None,
    typer.Option("--pods", metavar="NUMBER", min=1, max=200, help="Production's pods in one region."),
]
PrometheusOption = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        metavar="URL",
        help="Instead: measure the traffic of the application there, with the verifier's own queries.",
    ),
]
NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", metavar="NAME", help="With --prometheus: that of the application."),
]
SinceOption = Annotated[
    float | None,
    typer.Option(
        "--since",
        parser=seconds,
        metavar="DURATION",
        help="With --prometheus: how far back to look; 1h if not given.",
    ),
]


@dataclass(frozen=True, slots=True)
class Given:
    """The traffic, in words of the command line."""

    requests: float
    errors: float
    latency: Answered
    pods: int


@dataclass(frozen=True, slots=True)
class ToMeasure:
    """Where the traffic is measured."""

    url: str
    namespace: str
    since: float


@dataclass(frozen=True, slots=True)
class Options:
    """All that may be said of the traffic."""

    requests: float | None
    errors: float | None
    latency: Answered | None
    pods: int | None
    prometheus: str | None
    namespace: str | None
    since: float | None

    @property
    def asked(self) -> Given | ToMeasure | None:
        """None: nothing was said. BadParameter where it does not go together."""
        given = (self.requests, self.errors, self.latency, self.pods)
        if self.prometheus is not None:
            if any(one is not None for one in given):
                raise typer.BadParameter(
                    "it is either measured (--prometheus) or given (--requests-per-second, ...)"
                )
            return self._to_measure(self.prometheus)
        if self.namespace is not None or self.since is not None:
            raise typer.BadParameter(
                "--namespace and --since say what to measure: name where, with --prometheus URL"
            )
        if self.requests is None:
            if any(one is not None for one in given):
                raise typer.BadParameter("how many requests? add --requests-per-second NUMBER")
            return None
        errors = ERRORS if self.errors is None else self.errors
        return Given(self.requests, errors, self.latency or Answered(MEDIAN, P99 * MEDIAN), self.pods or PODS)

    def _to_measure(self, url: str) -> ToMeasure:
        if not _URL.fullmatch(url):
            raise typer.BadParameter(
                f"{url!r} is no address: write http://HOST:PORT", param_hint="--prometheus"
            )
        if self.namespace is None:
            raise typer.BadParameter(
                "which namespace is the application in? add --namespace NAME", param_hint="--prometheus"
            )
        try:
            namespace = _NAMES.validate_python(self.namespace)
        except ValidationError:
            raise typer.BadParameter(
                f"{self.namespace!r} is no name of a namespace", param_hint="--namespace"
            ) from None
        since = self.since or SINCE
        if not SHORTEST <= since <= LONGEST:
            raise typer.BadParameter("look back 5m at least and 7d at most", param_hint="--since")
        return ToMeasure(url, namespace, since)


def has_comparisons(plan: Plan) -> bool:
    """Whether there is something to tell: a pilot, or a canary whose steps are compared."""
    return any(
        isinstance(stage, PilotStage)
        or (isinstance(stage, WaveStage) and isinstance(stage.strategy, Canary) and stage.strategy.verify > 0)
        for stage in plan.stages
    )
