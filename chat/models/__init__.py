from chat.models.room import Room, RoomMember

__all__ = ["Room", "RoomMember"]
