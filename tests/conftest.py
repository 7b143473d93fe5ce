"""The fixtures that every folder of tests may use; they live in tests/support/."""

pytest_plugins = ["tests.support.servers", "tests.support.whole", "tests.support.parallel"]
