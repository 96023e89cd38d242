"""Makes a new mongod the first member of its replica set, and the users that MONGO_ADMIN_URL and MONGO_URL name.

Run on mongod's own host: as long as there is no user, MongoDB lets somebody who comes over localhost make the first one
(its "localhost exception"). Safe to run again; a changed password is taken over.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

REPLICA_SET = "rs0"
WITHIN_S = 60
# MongoDB's error_codes.yml
AUTHENTICATION_FAILED, ALREADY_INITIALIZED, USER_EXISTS = 18, 23, 51003


def main() -> None:
    admin, app = (urlsplit(secret(name)) for name in ("MONGO_ADMIN_URL", "MONGO_URL"))
    try:
        if not is_prepared(admin):
            begin(admin)
        with connected(admin.geturl()) as client:
            wait_until_primary(client)
            database = os.environ.get("MONGO_DATABASE") or "damso"
            source = authentication_database(app)
            give_user(client[source], app, [{"role": "dbOwner", "db": database}])
    except PyMongoError as error:
        sys.exit(f"MongoDB at {admin.hostname}:{admin.port} could not be prepared ({type(error).__name__}: {error}).")


def is_prepared(admin: SplitResult) -> bool:
    """False if the administrator is not known there, as with a new mongod."""
    with connected(admin.geturl()) as client:
        try:
            client.admin.command("ping")
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            return False
        return True


def begin(admin: SplitResult) -> None:
    address = f"{admin.hostname}:{admin.port or 27017}"
    with connected(f"mongodb://{address}/") as client:
        try:
            members = [{"_id": 0, "host": address}]
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
        wait_until_primary(client)
        give_user(client.admin, admin, [{"role": "root", "db": "admin"}])
    say(f"replica set {REPLICA_SET} of {address}")


def connected(url: str) -> MongoClient[dict[str, Any]]:
    """To this very node, whatever it thinks of its set."""
    return MongoClient(url, directConnection=True, serverSelectionTimeoutMS=WITHIN_S * 1000)


def wait_until_primary(client: MongoClient[dict[str, Any]]) -> None:
    until = time.monotonic() + WITHIN_S
    while not client.admin.command("hello").get("isWritablePrimary"):
        if time.monotonic() > until:
            sys.exit(f"This mongod did not become primary within {WITHIN_S} s; its log says why.")
        time.sleep(0.2)


def give_user(database: Any, who: SplitResult, roles: list[dict[str, str]]) -> None:
    name, password = unquote(who.username or ""), unquote(who.password or "")
    try:
        database.command("createUser", name, pwd=password, roles=roles)
        say(f"user {name}")
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise
        database.command("updateUser", name, pwd=password, roles=roles)


def authentication_database(who: SplitResult) -> str:
    options = dict(option.partition("=")[::2] for option in who.query.split("&"))
    return options.get("authSource") or who.path.strip("/") or "admin"


def secret(name: str) -> str:
    return Path(os.environ[f"{name}_FILE"]).read_text().strip()


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")


if __name__ == "__main__":
    main()
