"""What people see while servers are prepared."""

import io

from lockgate.embedded import Progress
from lockgate.embedded.__main__ import Printer


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STEPS = [Progress("Kafka: 3 jars", done, 3) for done in range(4)]


def test_a_log_gets_a_line_at_the_start_and_one_at_the_end_of_a_step() -> None:
    log = io.StringIO()
    printer = Printer(log)
    for step in STEPS:
        printer(step)
    assert log.getvalue() == "Kafka: 3 jars … 0/3\nKafka: 3 jars … 3/3\n"


def test_a_terminal_gets_one_line_that_counts_up() -> None:
    terminal = Terminal()
    printer = Printer(terminal)
    for step in STEPS:
        printer(step)
    start_again = "\r\033[K"
    assert (
        terminal.getvalue() == "".join(f"{start_again}Kafka: 3 jars … {done}/3" for done in range(4)) + "\n"
    )
