"""The fixtures that every folder of tests may use; they live in tests/support/."""

import signal

pytest_plugins = [
    "tests.support.servers",
    "tests.support.controlplane.fixture",
    "tests.support.whole",
    "tests.support.parallel",
]

# Whoever starts the tests in the background may have them ignore Ctrl-C, and their children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
