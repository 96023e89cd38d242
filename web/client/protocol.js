// Generated from chat/protocol.py by manage.py export_protocol. Do not edit.

export const SUBPROTOCOL = "damso.v1";

export const FRAMES = {
  ERROR: "error",
  HELLO: "hello",
  IDENTIFY: "identify",
  MESSAGE_ACK: "message.ack",
  MESSAGE_CREATED: "message.created",
  MESSAGE_READ: "message.read",
  MESSAGE_SEND: "message.send",
  PING: "ping",
  PONG: "pong",
  PRESENCE: "presence",
  READY: "ready",
  RECONNECT: "reconnect",
  RESYNC: "resync",
  ROOM_CLOSED: "room.closed",
  ROOM_LEAVE: "room.leave",
  ROOM_OPENED: "room.opened",
  SYNC: "sync",
  TYPING: "typing",
};

export const ERRORS = {
  CONFLICT: "conflict",
  EMPTY: "empty",
  INVALID: "invalid",
  NOT_A_MEMBER: "not_a_member",
  RATE_LIMITED: "rate_limited",
  ROOM_CLOSED: "room_closed",
  TOO_LONG: "too_long",
  UNAVAILABLE: "unavailable",
  UNKNOWN_TYPE: "unknown_type",
};

export const CLOSE = {
  1012: { name: "service_restart", reconnect: true },
  4001: { name: "heartbeat_missed", reconnect: true },
  4002: { name: "too_slow", reconnect: true },
  4003: { name: "try_later", reconnect: true },
  4500: { name: "bad_frames", reconnect: false },
  4501: { name: "bad_token", reconnect: false },
  4503: { name: "standing", reconnect: false },
  4508: { name: "not_identified", reconnect: false },
  4509: { name: "replaced", reconnect: false },
  4513: { name: "frame_too_big", reconnect: false },
  4529: { name: "flooding", reconnect: false },
};

export const LIMITS = {
  client_id: 64,
  frame_bytes: 16384,
  heartbeat_ms: 25000,
  resumed_rooms: 20,
  text: 1000,
  typing_every_ms: 3000,
  typing_shown_ms: 6000,
};
