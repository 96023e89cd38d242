// All rooms this device knows, and the way of a frame to the one it is for.

import { FRAMES, LIMITS } from "./protocol.js";
import { ROOM, Room } from "./room.js";

export class Rooms {
  #rooms = new Map();
  #make;
  #emit;

  /** `parts` are the Room's: {api, me, line, outbox, emit}. */
  constructor(parts) {
    this.#make = (id) => new Room({ id, ...parts });
    this.#emit = parts.emit;
  }

  get(id) {
    const key = Number(id);
    if (!this.#rooms.has(key)) this.#rooms.set(key, this.#make(key));
    return this.#rooms.get(key);
  }

  /** What `identify` asks for: everything after the last message each room has without a hole. Open rooms first. */
  resume() {
    return [...this.#rooms.values()]
      .filter((room) => room.lastSeq !== null)
      .sort((a, b) => (b.state === ROOM.OPEN) - (a.state === ROOM.OPEN))
      .slice(0, LIMITS.resumed_rooms)
      .map((room) => ({ room: room.id, seq: room.lastSeq }));
  }

  restore(entries) {
    for (const entry of entries) this.get(entry.room).restore(entry);
  }

  onReady({ rooms }) {
    for (const told of rooms) {
      const room = this.get(told.room);
      room.apply(told);
      room.catchUp(told);
    }
  }

  flush() {
    for (const room of this.#rooms.values()) room.flush();
  }

  connectionLost() {
    for (const room of this.#rooms.values()) room.connectionLost();
  }

  forget() {
    this.connectionLost();
    this.#rooms.clear();
  }

  onFrame(frame) {
    ON_FRAME[frame.type]?.(this, frame);
  }

  opened(frame) {
    this.get(frame.room).apply(frame);
    this.#emit("room.opened", frame);
  }

  presence(frame) {
    for (const room of this.#rooms.values()) if (room.partner?.id === frame.member) room.onPresence(frame);
    this.#emit("presence", frame);
  }

  // What no message of ours was refused for (a read mark, a typing notice, a sync) mends itself or does not matter.
  error(frame) {
    for (const room of this.#rooms.values()) if (room.onError(frame)) return;
  }
}

const ON_FRAME = {
  [FRAMES.MESSAGE_CREATED]: (rooms, frame) => rooms.get(frame.room).onCreated(frame),
  [FRAMES.MESSAGE_ACK]: (rooms, frame) => rooms.get(frame.room).onAck(frame),
  [FRAMES.MESSAGE_READ]: (rooms, frame) => rooms.get(frame.room).onRead(frame),
  [FRAMES.TYPING]: (rooms, frame) => rooms.get(frame.room).onTyping(frame),
  [FRAMES.RESYNC]: (rooms, frame) => rooms.get(frame.room).onResync(frame),
  [FRAMES.ROOM_CLOSED]: (rooms, frame) => rooms.get(frame.room).onClosed(frame),
  [FRAMES.ROOM_OPENED]: (rooms, frame) => rooms.opened(frame),
  [FRAMES.PRESENCE]: (rooms, frame) => rooms.presence(frame),
  [FRAMES.ERROR]: (rooms, frame) => rooms.error(frame),
};
