// socket.io as its documentation builds a chat, with the Redis adapter; one insert a message, majority and journal.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { MongoClient } from "mongodb";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, MONGO_URL, MONGO_DATABASE, REDIS_URL } = process.env;

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);
const mongo = await new MongoClient(MONGO_URL, { maxPoolSize: 100 }).connect();
const rooms = mongo.db(MONGO_DATABASE).collection("rooms");
const messages = mongo.db(MONGO_DATABASE).collection("messages", { writeConcern: { w: "majority", j: true } });

const server = createServer();
const io = new Server(server, { transports: ["websocket"], adapter: createAdapter(publisher, subscriber) });

io.on("connection", async (socket) => {
  const { room, user } = socket.handshake.query;
  const found = await rooms.findOne({ _id: room, members: user });
  if (!found) return socket.disconnect(true);
  const members = new Set(found.members);
  await socket.join(room);
  socket.on("chat.send", async ({ cid, text }) => {
    if (!members.has(user)) return socket.emit("error", cid);
    const message = { room, from: user, cid, text, ts: Date.now() / 1000 };
    await messages.insertOne(message);
    const id = message._id.toString();
    io.to(room).emit("chat.message", { id, room, from: user, cid, text, ts: message.ts });
    socket.emit("ack", { cid, id });
  });
  socket.emit("ready", 1);
});

server.listen({ port: Number(PORT), host: "127.0.0.1", backlog: 2048 });
