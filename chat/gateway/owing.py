"""What this process's messages may owe: a push to whoever is not there to read them. Noted once a second in the due
list (chat/push/due.py), where it is judged when its time comes. Best effort: while Redis is away nothing is noted.
"""

import asyncio
import logging

from django.conf import settings

from chat.fanout.hub import Hub
from chat.fanout.live_rooms import LiveRoom
from chat.gateway.here import Here
from chat.gateway.online import Online
from chat.message_log.entry import Entry
from chat.push.due import GRACE_MS, SILENCE_MS, AsyncDueList, Owed, RedisAway

logger = logging.getLogger(__name__)

NOTE_EVERY_S = 1.0


class Owing:
    def __init__(self, here: Here, online: Online, *, hub: Hub) -> None:
        self._here = here
        self._online = online
        self._hub = hub
        self._due = AsyncDueList()
        if settings.PUSH_ON:
            hub.stored_lately = {}

    async def note(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            await self._note_stored()

    async def stop(self) -> None:
        """Notes the last ones."""
        await self._note_stored()
        await self._due.close()

    async def _note_stored(self) -> None:
        if not self._hub.stored_lately:
            return
        stored, self._hub.stored_lately = self._hub.stored_lately, {}
        owed = [each for room, entry in stored.items() for each in self._owed(room, entry)]
        try:
            await self._due.note(owed)
        except RedisAway as error:
            logger.warning("%d pushes can't be noted: Redis is away (%s)", len(owed), error)

    def _owed(self, room: LiveRoom, entry: Entry) -> list[tuple[Owed, int]]:
        """With the time to look again at it; nobody who has been heard here since."""
        if entry.is_closed:
            return []
        return [
            (
                Owed(room.id, member, first=entry.sent_at, last=entry.sent_at),
                entry.sent_at + (SILENCE_MS if self._online.is_online(member) else GRACE_MS),
            )
            for member in room.members
            if member != entry.sender and self._here.heard_of(member) <= entry.sent_at
        ]
