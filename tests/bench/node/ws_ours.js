// `ws` with what we do: our documents and indexes, a dense seq per room, one batch in flight with one message of a room
// in it, local sockets first, the ack to the sender alone. One process, so nothing is published. With LAYOUT=usual the
// documents lie as one would lay them for the same promises without the trick that the resend key is the primary key.
import { createServer } from "node:http";
import { Long, MongoClient } from "mongodb";
import { WebSocketServer } from "ws";

const { PORT, MONGO_URL, MONGO_DATABASE, LAYOUT } = process.env;
const BATCH = 256;
const MAX_TEXT = 1000;
const DURABLE = { w: "majority", j: true, wtimeout: 5000 };

const mongo = await new MongoClient(MONGO_URL, { maxPoolSize: 16 }).connect();
const database = mongo.db(MONGO_DATABASE);
const rooms = database.collection("rooms");

const live = new Map(); // id → room
let waiting = [];
let isWriting = false;

async function write() {
  try {
    while (waiting.length) {
      const batch = waiting.splice(0, BATCH);
      const now = new Date();
      const documents = batch.map((message) => document(message, now));
      await database.command({ insert: "messages", documents, ordered: false, writeConcern: DURABLE });
      batch.forEach((each, place) => tell(each, documents[place]));
    }
  } finally {
    isWriting = false;
  }
}

function document({ room, sender, cid, text }, now) {
  const seq = ++room.last;
  const content = { room: room.id, seq, kind: "text", text, sent_at: now };
  if (LAYOUT === "usual") return { _id: `${room.id}-${seq}`, sender, client_id: cid, ...content };
  return { _id: { room: room.id, sender, client_id: cid }, ...content };
}

function tell({ room, socket, sender, cid, text }, { seq, sent_at }) {
  const id = `${room.id}-${seq}`;
  socket.send(JSON.stringify({ type: "ack", room: room.number, cid, seq, id, sent_at }));
  const event = { type: "chat.message", room: room.number, seq, id, kind: "text", sender, cid, text, sent_at };
  const frame = JSON.stringify(event);
  for (const other of room.sockets) if (other !== socket) other.send(frame);
  if (room.queue.length) waiting.push(room.queue.shift());
  else room.isBusy = false;
}

function submit(message) {
  const { room } = message;
  if (room.isBusy) {
    room.queue.push(message);
  } else {
    room.isBusy = true;
    waiting.push(message);
  }
  if (!isWriting) {
    isWriting = true;
    setImmediate(write);
  }
}

const server = createServer();
const options = { server, perMessageDeflate: false, clientTracking: false, maxPayload: 16 * 1024 };
const sockets = new WebSocketServer(options);

sockets.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://localhost");
  const name = url.pathname.split("/")[3];
  const user = url.searchParams.get("user");
  let room = null;

  async function enter() {
    const found = await rooms.findOne({ _id: name, members: user });
    if (!found) return socket.close(4403);
    const number = Number(name.slice(1)) + 2 ** 52; // as long as our ids
    const fresh = { number, id: Long.fromNumber(number), members: found.members, last: 0, sockets: new Set(), queue: [] };
    room = live.get(name) ?? fresh;
    live.set(name, room);
    room.sockets.add(socket);
    socket.send('{"type":"ready"}');
  }

  socket.on("message", (data) => {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return socket.close(4500);
    }
    const { type, cid, text } = frame;
    const isText = typeof text === "string" && text.trim() !== "" && text.length <= MAX_TEXT;
    if (type !== "chat.send" || typeof cid !== "string" || !isText || !room?.members.includes(user)) {
      return socket.send('{"type":"error"}');
    }
    submit({ room, socket, sender: Long.fromNumber(Number(user.slice(1)) + 2 ** 52), cid, text });
  });
  socket.on("close", () => {
    room?.sockets.delete(socket);
    if (room?.sockets.size === 0) live.delete(name);
  });
  enter().catch(console.error);
});

server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 2048 });
