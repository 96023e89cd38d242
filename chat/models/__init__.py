from chat.models.block import Block
from chat.models.room import Room, RoomMember

__all__ = ["Block", "Room", "RoomMember"]
