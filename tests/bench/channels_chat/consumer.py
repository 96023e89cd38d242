"""What a reader of the Channels tutorial writes, plus the insert: a consumer a socket, a group a room."""

import os
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from pymongo import AsyncMongoClient, WriteConcern


@cache
def database() -> Any:
    return AsyncMongoClient(os.environ["MONGO_URL"])[os.environ["MONGO_DATABASE"]]


class ChatConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        self.room = self.scope["url_route"]["kwargs"]["room"]
        self.user = parse_qs(self.scope["query_string"].decode())["user"][0]
        found = await database()["rooms"].find_one({"_id": self.room, "members": self.user})
        if found is None:
            await self.close(4403)
            return
        self.members = set(found["members"])
        self.messages = database().get_collection("messages", write_concern=WriteConcern(w="majority", j=True))
        self.group = f"chat_{self.room}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send_json({"type": "ready"})

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        if self.user not in self.members:
            await self.send_json({"type": "error", "cid": content["cid"]})
            return
        message = {"room": self.room, "from": self.user, "cid": content["cid"], "text": content["text"]}
        message["ts"] = time.time()
        stored = await self.messages.insert_one(dict(message))
        identity = str(stored.inserted_id)
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "id": identity, **message})
        await self.send_json({"type": "ack", "cid": content["cid"], "id": identity})

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.send_json(event)
