"""The shop's world as tau2-bench has it: one file `db.json`, whose records its models wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self, cast

from agentgym.errors import DataFileError, did_you_mean
from agentgym.jsontext import dump_json, parse_json
from agentgym.messages import JsonObject
from environments.retail.database import RetailDB
from environments.retail.ledger import Ledger
from environments.retail.reading import check_types
from environments.retail.records import Record, Table
from environments.retail.tau2.ledger import JsonLedger
from environments.retail.tau2.records import modelled, without_nulls
from environments.retail.world.own import own_world

DB = "db.json"
_TABLES: tuple[Table, ...] = ("users", "orders", "products")
_HOMES = (".", "data", "domains/retail", "tau2/domains/retail", "data/tau2/domains/retail")
"""Where the file may lie, seen from the folder that is given."""


class Tau2DB(RetailDB):
    """A world whose records are written, compared and hashed as JSON."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read `db.json` from a folder, or from where tau2-bench keeps it below."""
        file = find_db(Path(path))
        try:
            held = parse_json(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise DataFileError(f"{file}: {error}") from None
        if not isinstance(held, dict) or not all(name in held for name in _TABLES):
            raise DataFileError(f"{file}: must be one JSON object with the keys {', '.join(_TABLES)}")
        try:
            world = cls(*(_checked(name, held[name]) for name in _TABLES))
        except DataFileError as error:
            raise DataFileError(f"{file}: {error}") from None
        world.folder = file.parent
        return world

    @classmethod
    def of(cls, db: RetailDB) -> Tau2DB:
        """The same world in tau2-bench's layout."""
        return db if isinstance(db, Tau2DB) else _converted(db)

    def changed_by(self, data: JsonObject) -> Tau2DB:
        """The world with other values in some of its records, which it takes object by object; it is made once."""
        return _changed(self, dump_json(data).decode())

    def canonical_text(self, record: Record) -> str:
        return json.dumps(record, sort_keys=True)

    def _ledger_of(self, texts: Mapping[Table, Mapping[str, str]]) -> Ledger:
        return JsonLedger(texts)


def find_db(folder: Path) -> Path:
    """The file `db.json` of a folder."""
    for home in _HOMES:
        if (file := folder / home / DB).is_file():
            return file
    raise DataFileError(
        f"{folder}: no {DB} there, nor in {', '.join(_HOMES[1:])}; give the folder of tau2-bench's retail domain, "
        "or write one with: agentgym retail world --format tau2 -o DIR"
    )


def shared_tau2_db(path: str | Path) -> Tau2DB:
    """The world of a folder: read once for all who ask, and again only when its file has changed."""
    file = find_db(Path(path))
    status = file.stat()
    return _load(file.parent.resolve(), status.st_mtime_ns, status.st_size)


@cache
def own_tau2_world() -> Tau2DB:
    """Our own world in tau2-bench's layout."""
    return Tau2DB.of(own_world())


@lru_cache(maxsize=4)
def _load(folder: Path, changed_ns: int, size_bytes: int) -> Tau2DB:
    return Tau2DB.load(folder)


@lru_cache(maxsize=4)
def _converted(db: RetailDB) -> Tau2DB:
    world = Tau2DB(*(_modelled(name, getattr(db, name)) for name in _TABLES))
    world.folder = db.folder
    return world


@lru_cache(maxsize=128)
def _changed(db: Tau2DB, data: str) -> Tau2DB:
    tables: dict[Table, dict[str, Any]] = {name: dict(getattr(db, name)) for name in _TABLES}
    for name, records in cast("dict[str, Any]", parse_json(data)).items():
        if name not in tables:
            raise DataFileError(f"there is no table {name!r}; {did_you_mean(name, tables)}")
        if not isinstance(records, dict):
            raise DataFileError(f"{name}: holds a {type(records).__name__}; it must be an object of records by id")
        tables[name].update(_checked(name, _merged(tables[name], records, only=records)))
    return Tau2DB(*tables.values())


def _merged(held: Any, given: Any, *, only: Mapping[str, Any] | None = None) -> Any:
    """Objects key by key, everything else replaced; `only` says which keys are kept."""
    if not (isinstance(held, dict) and isinstance(given, dict)):
        return given
    kept = held if only is None else {key: held[key] for key in only if key in held}
    return {**kept, **{key: _merged(held.get(key), value) for key, value in given.items()}}


def _checked(table: Table, records: Any) -> dict[str, Any]:
    if table == "orders" and isinstance(records, dict):
        records = {key: without_nulls(order) if isinstance(order, dict) else order for key, order in records.items()}
    check_types(records, table, table)
    if table == "users":
        for key, user in records.items():
            if user.get("user_id", key) != key:
                raise DataFileError(f"users: {key!r}: user_id: is {user['user_id']!r}; it must be its key")
            _check_methods(key, user)
    return _modelled(table, records)


def _check_methods(key: str, user: Mapping[str, Any]) -> None:
    """Each kind of payment method has keys of its own, without which none can be written."""
    for held, method in user["payment_methods"].items():
        for name in {"credit_card": ("brand", "last_four"), "gift_card": ("balance",)}.get(method["source"], ()):
            if name not in method:
                raise DataFileError(f"users: {key!r}: payment_methods.{held}.{name}: a {method['source']} needs one")


def _modelled(table: Table, records: Mapping[str, Any]) -> dict[str, Any]:
    return {key: modelled(table, key, record) for key, record in records.items()}
