"""The log of the process: structured records, JSON or for people, to a rotated file or standard error, secrets masked.

Every part logs through `structlog.get_logger`; libraries that use the standard `logging` end up in the same place. FIX
messages are not logged here but by the wire, in a file of their own.
"""

import logging
import re
import sys
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

from config.exchange import LogSettings

MASK: Final = "***"
_DEPTH_MAX: Final = 8
_SECRET_KEYS: Final = re.compile(r"password|passwd|secret|raw_?data|credential|hmac", re.IGNORECASE)
# Password(554), NewPassword(925), RawData(96) inside a FIX message. It is separated by SOH, for people by |, and where
# bytes were written by `repr` or JSON by the escape of SOH, whose last digit must not be taken for the tag's first.
_SECRET_FIELDS: Final = re.compile(
    r"(?:(?<![0-9])|(?<=\\x01)|(?<=\\u0001))(554|925|96)=.*?(?=(?:[\x01|]|\\x01|\\u0001)[0-9]+=|[\x01|]?$)", re.DOTALL
)


def configure_logs(settings: LogSettings, data_dir: Path) -> None:
    """Send every log record where `settings` says; replaces what was configured before."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Modules hold their logger from import on, so none may remember what was configured before.
        cache_logger_on_first_use=False,
    )
    handler = _handler(settings, data_dir)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(settings)],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.level.upper())


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what must never stand in a log: values under a secret's name, and the secret fields of FIX messages."""
    return {key: MASK if _SECRET_KEYS.search(key) else _masked(value, depth=0) for key, value in event.items()}


def mask_text(text: str) -> str:
    """`text` with the values of Password(554), NewPassword(925) and RawData(96) replaced."""
    return _SECRET_FIELDS.sub(rf"\1={MASK}", text)


def _masked(value: Any, *, depth: int) -> Any:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        return mask_text(value) if "=" in value else value
    if depth >= _DEPTH_MAX:
        return value
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(key, str) and _SECRET_KEYS.search(key) else _masked(inner, depth=depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(inner, depth=depth + 1) for inner in value]
    return value


def _handler(settings: LogSettings, data_dir: Path) -> logging.Handler:
    if settings.file is None:
        return logging.StreamHandler(sys.stderr)
    return RotatingFileHandler(
        data_dir / settings.file,
        maxBytes=settings.rotate_bytes,
        backupCount=max(settings.files_max - 1, 1),
        encoding="utf-8",
    )


def _renderer(settings: LogSettings) -> structlog.typing.Processor:
    if settings.format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=settings.file is None and sys.stderr.isatty())
