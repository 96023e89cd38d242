"""How far each member has read: only upwards, kept in MongoDB, told to both members.

On the event loop positions gather and are written together; a position that could not be written is written with the
next ones. REST writes one by itself.
"""

import asyncio
import logging
from typing import Any

from django.conf import settings
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from chat.message_log import mongo
from core.telemetry.apm import Coin

logger = logging.getLogger(__name__)

WRITE_WITHIN_S = 5
AGAIN_S = 1


class ReadPositions:
    """Positions waiting to be written: one for each room and member, the highest."""

    def __init__(self, reads: AsyncCollection[dict[str, Any]]) -> None:
        self._reads = reads
        self._waiting: dict[tuple[int, int], int] = {}
        self._wake = asyncio.Event()
        self._coin = Coin(settings.APM_FRAME_SAMPLE_RATE)

    def note(self, room: int, member: int, seq: int) -> None:
        self._waiting[room, member] = max(seq, self._waiting.get((room, member), 0))
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            writing, self._waiting = self._waiting, {}
            updates = [_upwards(*key, seq) for key, seq in writing.items()]
            try:
                with self._coin.over("batch", "read_positions.write"):
                    async with asyncio.timeout(WRITE_WITHIN_S):
                        await self._reads.bulk_write(updates, ordered=False)
            except (PyMongoError, TimeoutError) as error:
                logger.warning("%d read positions wait for MongoDB (%s)", len(writing), type(error).__name__)
                for (room, member), seq in writing.items():
                    self.note(room, member, seq)
                await asyncio.sleep(AGAIN_S)


def write(room: int, member: int, seq: int) -> None:
    """Raises PyMongoError."""
    mongo.reads().bulk_write([_upwards(room, member, seq)])


def _upwards(room: int, member: int, seq: int) -> UpdateOne:
    return UpdateOne({"room": room, "member": member}, {"$max": {"seq": seq}}, upsert=True)
