"""The fixtures that every folder of tests may use; they live in tests/support/."""

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.servers",
    "tests.support.controlplane.fixture",
    "tests.support.whole",
    "tests.support.parallel",
]

# How fast values are drawn says something about the machine, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Whoever starts the tests in the background may have them ignore Ctrl-C, and their children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
