"""The servers and programs that some tests need, where they are, and why they cannot be had.

`TEST_POSTGRESQL_URL`, `TEST_REDIS_URL` and `TEST_CHROMIUM` say where they are; the defaults are what a package manager
installs on this machine. A run whose DATABASE_URL is PostgreSQL uses that server.
"""

import contextlib
import functools
import os
import random
import shutil
import uuid
from collections.abc import Iterator

import psycopg
import redis

_database_url = os.environ.get("DATABASE_URL", "")
POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL") or (
    _database_url if _database_url.startswith("postgres") else "postgres://postgres@127.0.0.1:5432/postgres"
)
REDIS_URL = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/15"
CHROMIUM = os.environ.get("TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


ANSWERS_WITHIN = 30  # seconds; a server on a busy machine takes its time, and one that is not there says so at once


def seed() -> int:
    """For what is chosen at random: another one each time, but in CI, where only what has changed may fail."""
    return 20261129 if os.environ.get("CI") == "true" else random.SystemRandom().randrange(2**32)


#: What headless Chromium is started with.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def new_database(made: str = "") -> Iterator[str]:
    """The address of a PostgreSQL database that ends with the block; `made`: what CREATE DATABASE is told more."""
    name = f"erasure_desk_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRESQL_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} {made}")
        try:
            yield f"{POSTGRESQL_URL.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _no_postgresql() -> str:
    try:
        psycopg.connect(POSTGRESQL_URL, connect_timeout=ANSWERS_WITHIN).close()
    except psycopg.Error as error:
        return f"no PostgreSQL at TEST_POSTGRESQL_URL ({type(error).__name__})"
    return ""


def _no_postgresql_roles() -> str:
    if reason := _no_postgresql():
        return reason
    if not shutil.which("psql"):
        return "no psql on the PATH"
    with psycopg.connect(POSTGRESQL_URL) as server:
        may = server.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone()
    return "" if may and may[0] else "the role of TEST_POSTGRESQL_URL may not make roles (CREATEROLE)"


def _no_redis() -> str:
    try:
        with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=ANSWERS_WITHIN) as client:
            client.ping()
    except redis.RedisError as error:
        return f"no Redis at TEST_REDIS_URL ({type(error).__name__})"
    return ""


def _no_chromium() -> str:
    return "" if shutil.which(CHROMIUM) else "no Chromium on the PATH or at TEST_CHROMIUM"


def _no_openssl() -> str:
    return "" if shutil.which("openssl") else "no openssl on the PATH"


_CHECKS = {
    "postgresql": _no_postgresql,
    "postgresql_roles": _no_postgresql_roles,
    "redis": _no_redis,
    "browser": _no_chromium,
    "openssl": _no_openssl,
}
MARKERS = tuple(_CHECKS)


@functools.cache
def missing(marker: str) -> str:
    """Why tests with this marker cannot run here; empty if they can."""
    return _CHECKS[marker]()
