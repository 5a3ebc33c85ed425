"""The column types that both databases hold in the same way."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time; a naive one raises TypeError."""
    return (moment - EPOCH) // MILLISECOND


def from_milliseconds(value: int) -> datetime:
    """The aware UTC time of so many milliseconds since 1970."""
    return EPOCH + value * MILLISECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time in whole milliseconds: alike on both databases, and easy to put into JSON."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_milliseconds(value)
