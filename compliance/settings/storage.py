"""Database, cache and queue."""

import contextlib
from pathlib import Path
from typing import Any

from compliance.environment import database_url, env, read

from .places import DATA_DIR

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


_sqlite = f"sqlite:///{DATA_DIR / 'desk.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {
    "default": read("DATABASE_URL", "a sqlite:/// or postgres:// address", database_url, _sqlite)
}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # One writer at a time, readers never blocked, every commit on the disk: without these three, busy workers see
    # "database is locked".
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # What is deleted is overwritten in the file: sealed bytes and wrapped keys are not to lie on in free pages.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
    }
    # SQLite would make the file readable for everybody. Its -wal and -shm files get the mode of the file.
    if _database["NAME"] != ":memory:" and not Path(_database["NAME"]).exists():
        with contextlib.suppress(OSError):  # whoever uses the database is told
            Path(_database["NAME"]).touch(mode=0o600)
else:
    _database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    # A server that is gone without a word, as behind a firewall, is known to be gone within seconds.
    _waits = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
    _database["OPTIONS"] = _waits | _database.get("OPTIONS", {})

CACHES: dict[str, dict[str, Any]] = {
    "default": read(
        "CACHE_URL",
        "a cache URL such as redis://host:6379/0",
        env.cache_url_config,
        f"filecache://{DATA_DIR / 'cache'}",
    )
}
if CACHES["default"]["BACKEND"].endswith("RedisCache"):  # likewise
    _waits = {"socket_connect_timeout": 5, "socket_timeout": 5}
    CACHES["default"]["OPTIONS"] = _waits | CACHES["default"].get("OPTIONS", {})

QUEUE_BROKER = read(
    "QUEUE_BROKER",
    "orm or a Redis URL such as redis://host:6379/1",
    lambda raw: {"orm": "orm"}[raw] if not raw.startswith(("redis://", "rediss://", "unix://")) else raw,
    "orm",
)
# Send deadline < lease < queue timeout < queue retry (see erasure/worker): a message that is still being worked on is
# never handed out again. `save_limit` -1: nothing about a finished wake-up is worth a row.
Q_CLUSTER: dict[str, Any] = {
    "name": "erasure-desk",
    "workers": 3,
    "queue_limit": 6,
    "bulk": 1,
    "timeout": 900,
    "retry": 1200,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "scheduler": False,
    "recycle": 500,
    "max_rss": 400_000,
    "save_limit": -1,
    "poll": 0.3,
    "guard_cycle": 1,
    "label": "Queue",
    **({"orm": "default"} if QUEUE_BROKER == "orm" else {"redis": QUEUE_BROKER}),
    "broker_class": f"erasure.worker.broker.{'OrmBroker' if QUEUE_BROKER == 'orm' else 'RedisBroker'}",
}
