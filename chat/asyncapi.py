"""What is made from chat/protocol.py: the AsyncAPI 3 document and the web client's constants."""

import json
from typing import Any

import msgspec

from chat import protocol
from chat.protocol import CloseCode, ErrorCode, FromClient, FromServer

REF = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """AsyncAPI 3.0: two operations on one channel, a message for every frame of either side."""
    frames = [*FromClient.__args__, *FromServer.__args__]
    _, schemas = msgspec.json.schema_components(frames, ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Damso, the socket",
            "version": "1",
            "description": "One JSON object a frame. "
            + " ".join(f"Close {code.value}: {_name(code)}, {_rule(code)}." for code in CloseCode),
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": protocol.PATH,
                "messages": {frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"} for frame in frames},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", FromClient),
            "fromServer": _operation("send", FromServer),
        },
        "components": {
            "messages": {
                frame.__name__: {
                    "name": frame.__struct_config__.tag,
                    "payload": {"$ref": REF.format(name=frame.__name__)},
                }
                for frame in frames
            },
            "schemas": schemas,
        },
    }


def client_constants() -> str:
    """web/client/protocol.js."""
    tags = sorted({*protocol.tags(FromClient), *protocol.tags(FromServer)})
    close = "".join(
        f'  {code.value}: {{ name: "{_name(code)}", reconnect: {json.dumps(code.reconnect)} }},\n' for code in CloseCode
    )
    limits = {
        "client_id": protocol.MAX_CLIENT_ID,
        "frame_bytes": protocol.MAX_FRAME_BYTES,
        "heartbeat_ms": protocol.HEARTBEAT_S * 1000,
        "resumed_rooms": protocol.MAX_RESUMED_ROOMS,
        "text": protocol.MAX_TEXT,
        "typing_every_ms": protocol.TYPING_EVERY_S * 1000,
        "typing_shown_ms": protocol.TYPING_SHOWN_S * 1000,
    }
    return (
        "// Generated from chat/protocol.py by manage.py export_protocol. Do not edit.\n\n"
        f'export const SUBPROTOCOL = "{protocol.SUBPROTOCOL}";\n\n'
        f"export const FRAMES = {{\n{_constants(tags)}}};\n\n"
        f"export const ERRORS = {{\n{_constants(sorted(ErrorCode))}}};\n\n"
        f"export const CLOSE = {{\n{close}}};\n\n"
        "export const LIMITS = {\n" + "".join(f"  {name}: {value},\n" for name, value in limits.items()) + "};\n"
    )


def _operation(action: str, union: Any) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/socket"},
        "messages": [{"$ref": f"#/channels/socket/messages/{frame.__name__}"} for frame in union.__args__],
    }


def _constants(words: list[Any]) -> str:
    return "".join(f'  {str(word).upper().replace(".", "_")}: "{word}",\n' for word in words)


def _name(code: CloseCode) -> str:
    return code.name.lower()


def _rule(code: CloseCode) -> str:
    return "reconnect and resume" if code.reconnect else "do not reconnect until something changes"
