"""What /healthz/ready asks of this storey; each answer is bounded by its client's own limits."""

from chat.gateway import process
from chat.message_log import mongo


def mongodb_answers() -> bool:
    """Also that it is a primary that answers. Raises PyMongoError."""
    return bool(mongo.client().admin.command("hello")["isWritablePrimary"])


def is_serving() -> bool:
    return process.current() is not None


def is_draining() -> bool:
    chat = process.current()
    return chat is not None and chat.drain.draining
