// The leanest usual thing: `ws`, inserts gathered into batches, Redis pub/sub between processes; documents as they come.
import { createServer } from "node:http";
import { Redis } from "ioredis";
import { MongoClient, ObjectId } from "mongodb";
import { WebSocketServer } from "ws";

const { PORT, MONGO_URL, MONGO_DATABASE, REDIS_URL } = process.env;
const BATCHES_AT_ONCE = 2;

const publisher = new Redis(REDIS_URL);
const subscriber = new Redis(REDIS_URL);
const mongo = await new MongoClient(MONGO_URL, { maxPoolSize: 100 }).connect();
const rooms = mongo.db(MONGO_DATABASE).collection("rooms");
const messages = mongo.db(MONGO_DATABASE).collection("messages", { writeConcern: { w: "majority", j: true } });

let waiting = [];
let running = 0;

async function write() {
  try {
    while (waiting.length) {
      const batch = waiting;
      waiting = [];
      try {
        await messages.insertMany(batch.map(({ message }) => message), { ordered: false });
        for (const { stored } of batch) stored();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
  } finally {
    running -= 1;
  }
}

function insert(message) {
  return new Promise((stored, failed) => {
    message._id = new ObjectId();
    waiting.push({ message, stored, failed });
    if (running < BATCHES_AT_ONCE) {
      running += 1;
      setImmediate(write);
    }
  });
}

const here = new Map(); // channel → sockets of this process
subscriber.on("message", (channel, text) => {
  for (const socket of here.get(channel) ?? []) socket.send(text);
});

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });

sockets.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://localhost");
  const room = url.pathname.split("/")[3];
  const user = url.searchParams.get("user");
  const channel = `room:${room}`;
  let members = null;

  async function enter() {
    const found = await rooms.findOne({ _id: room, members: user });
    if (!found) return socket.close(4403);
    members = new Set(found.members);
    if (here.has(channel)) {
      here.get(channel).add(socket);
    } else {
      here.set(channel, new Set([socket]));
      await subscriber.subscribe(channel);
    }
    socket.send('{"type":"ready"}');
  }

  async function receive(data) {
    const { cid, text } = JSON.parse(data);
    if (!members?.has(user)) return;
    const message = { room, from: user, cid, text, ts: Date.now() / 1000 };
    await insert(message);
    const id = message._id.toString();
    const event = { type: "chat.message", id, room, from: user, cid, text, ts: message.ts };
    await publisher.publish(channel, JSON.stringify(event));
    socket.send(JSON.stringify({ type: "ack", cid, id }));
  }

  let turn = enter(); // one thing after the other, as they came
  socket.on("message", (data) => (turn = turn.then(() => receive(data)).catch(console.error)));
  socket.on("close", () => {
    const left = here.get(channel);
    left?.delete(socket);
    if (left?.size === 0) {
      here.delete(channel);
      subscriber.unsubscribe(channel);
    }
  });
});

server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 2048 });
