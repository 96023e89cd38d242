"""Three MongoDB nodes that elect a primary among them: for what one node can't show. Fail-over takes a second or two.

Any node may be primary at any time: ask `primary()`, never assume. Fail points (MongoDB's own, for tests) make a node
err exactly as wanted.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pymongo.errors import OperationFailure, PyMongoError

from dev.stack.mongod import REPLICA_SET, Mongod
from dev.stack.process import StackError

NODES = 3
# As quick as it goes: a set of servers far apart needs ten times as much.
ELECTION_TIMEOUT_MS, HEARTBEAT_MS = 1000, 200
PRIMARY, SECONDARY = "primary", "secondary"
HEALTHY_WITHIN_S = 60


class Node(Mongod):
    """One of several. Ready when it takes part, in whichever role."""

    def check(self) -> None:
        if self.role() is None:
            raise OSError("it is neither primary nor secondary yet")

    def role(self) -> str | None:
        """PRIMARY, SECONDARY, or None while it is neither. Raises PyMongoError when it does not answer."""
        with self.admin() as admin:
            said = admin.command("hello")
        if said.get("isWritablePrimary"):
            return PRIMARY
        return SECONDARY if said.get("secondary") else None


class ReplicaSet:
    def __init__(self, directory: Path, *, nodes: int = NODES) -> None:
        self.nodes = [Node(directory / f"node{number}", test_commands=True) for number in range(nodes)]

    @property
    def url(self) -> str:
        return f"mongodb://{','.join(node.address for node in self.nodes)}/?replicaSet={REPLICA_SET}"

    # --- life
    def start(self) -> None:
        """Starts every node, makes a set of them, and returns when it is healthy."""
        for node in self.nodes:
            node.spawn()
        self._initiate()
        self.wait_until_healthy()

    def stop(self) -> None:
        """Nobody needs these data again, so nothing is lost by killing."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initiate(self) -> None:
        config = {
            "_id": REPLICA_SET,
            "settings": {"electionTimeoutMillis": ELECTION_TIMEOUT_MS, "heartbeatIntervalMillis": HEARTBEAT_MS},
            "members": [{"_id": number, "host": node.address} for number, node in enumerate(self.nodes)],
        }
        for node in self.nodes:
            _wait_for_answer(node)
        with self.nodes[0].admin() as admin:
            admin.command("replSetInitiate", config)

    # --- who is who
    def roles(self) -> dict[Node, str | None]:
        """What every node that answers says of itself."""
        found = {}
        for node in self.nodes:
            if node.running:
                try:
                    found[node] = node.role()
                except PyMongoError:
                    continue
        return found

    def primary(self) -> Node:
        """Waits for one. Raises StackError when none is elected in time."""
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while time.monotonic() < deadline:
            leading = [node for node, role in self.roles().items() if role == PRIMARY]
            if leading:
                return leading[-1]
            time.sleep(0.05)
        raise self.nodes[0].failure("is in a set that elects no primary")

    def secondaries(self) -> list[Node]:
        return [node for node, role in self.roles().items() if role == SECONDARY]

    def wait_until_healthy(self) -> None:
        """Starts nodes that do not run, and returns when one is primary and all the others follow."""
        for node in self.nodes:
            if not node.running:
                node.spawn()
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while sorted(map(str, self.roles().values())) != [PRIMARY, *[SECONDARY] * (len(self.nodes) - 1)]:
            if time.monotonic() > deadline:
                raise self.nodes[0].failure(f"is in a set that is not healthy: {list(self.roles().values())}")
            time.sleep(0.05)

    # --- faults
    def step_down(self) -> None:
        """The primary gives its place to another one, at once and for at least ten seconds."""
        with self.primary().admin() as admin:
            admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=1, force=True)

    def kill_primary(self) -> Node:
        """SIGKILL. Returns the node, for the caller to start again."""
        primary = self.primary()
        primary.kill()
        return primary

    @contextmanager
    def failing(self, command: str, *, times: int | str = "always", **how: Any) -> Iterator[None]:
        """The primary errs at this command, `times` times or until the end; `how` as failCommand's `data` takes it:

        writeConcernError={…} after doing it; closeConnection=True or errorCode=… instead of doing it;
        blockConnection=True with blockTimeMS=… before doing it.
        """
        mode: object = {"times": times} if isinstance(times, int) else "alwaysOn"
        primary = self.primary()
        fail_command(primary, {"mode": mode, "data": {"failCommands": [command], **how}})
        try:
            yield
        finally:
            if primary.running:
                fail_command(primary, {"mode": "off"})


def fail_command(node: Mongod, how: Mapping[str, Any]) -> None:
    try:
        with node.admin() as admin:
            admin.command({"configureFailPoint": "failCommand", **how})
    except OperationFailure as error:
        raise StackError(f"{node.name} was started without test_commands: {error}") from error


def _wait_for_answer(node: Node) -> None:
    deadline = time.monotonic() + node.start_seconds
    while True:
        try:
            with node.admin() as admin:
                admin.command("ping")
            return
        except PyMongoError as error:
            if not node.running or time.monotonic() > deadline:
                raise node.failure("does not answer") from error
            time.sleep(0.05)
