"""What SQLAlchemy makes of a statement: made once by the tests, not for each database that they open."""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache


class _Compiled(LRUCache[Any, Any]):
    """Statements by what they say and the kind of database; SQLAlchemy asks by the engine's own dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_kind(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_kind(key), value)


def _kind(key: Any) -> Any:
    dialect, *said = key
    return (type(dialect), *said)


_COMPILED = _Compiled(capacity=5000)


def keep() -> None:
    """Every engine uses what another one has compiled, from now on."""
    event.listen(Engine, "engine_connect", _remember)


def _remember(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)
