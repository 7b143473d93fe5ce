"""JSON logs on standard error: one object a line, with the service and whatever the call names."""

import logging
import sys

import structlog


def configure(service: str, level: str) -> None:
    """Sends structlog and the standard library's loggers the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING if level != "DEBUG" else level)
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_is_trouble)
    calm(logging.getLogger("aiokafka.consumer.fetcher"))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def calm(logger: logging.Logger) -> None:
    """Takes a logger's errors for warnings where the client mends them by itself."""
    logger.addFilter(_no_error_that_moves_on)


def _is_trouble(record: logging.LogRecord) -> bool:
    """A broker that starts, or a new group, has no coordinator for a moment; aiokafka calls that an error, and goes on."""
    return "GroupCoordinatorNotAvailableError" not in record.getMessage()


def _no_error_that_moves_on(record: logging.LogRecord) -> bool:
    """A partition that is new, or moves to another broker, has no leader for a moment; aiokafka asks again by itself."""
    if "NotLeaderForPartitionError" in record.getMessage():
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
