"""Does beforehand everything that would make a first start slow, and says what it does."""

from collections.abc import Callable

from lockgate.embedded import jars, java, kafka_files, postgres_binaries
from lockgate.embedded.account import unprivileged
from lockgate.embedded.progress import Progress, Report, silent
from lockgate.embedded.training import train


def prepare(report: Report = silent) -> None:
    """Fetch and derive what `Kafka` and `Postgres` need; quick and silent when it is done already, safe in parallel.

    EmbeddedError when the jars cannot be fetched. A start-up cache that cannot be trained is no error.
    """
    jars.ensure(report)
    kafka = f"Kafka {jars.VERSION}"
    if not kafka_files.template_place().exists():
        _step(report, f"{kafka}: formatting a data folder", kafka_files.template)
    if not java.startup_cache().exists():
        _step(report, f"{kafka}: training the start-up cache (about 15 s)", train)
    account = unprivileged()
    if not postgres_binaries.in_place(account):
        _step(
            report,
            "PostgreSQL: copying its programs to where nobody reaches them",
            lambda: postgres_binaries.binaries(account),
        )


def _step(report: Report, step: str, work: Callable[[], object]) -> None:
    report(Progress(step, 0, 1))
    work()
    report(Progress(step, 1, 1))
