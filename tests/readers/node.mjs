// Node's HTTP server, which writes a line for each connection: what it read there, and how that ended.

import { createServer } from "node:http";

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const read = (request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("error", () => {});
  request.on("end", () => {
    const { reading } = request.socket;
    reading.requests.push([request.method, request.url, Buffer.concat(pieces).toString("latin1")]);
    reading.closed = !response.shouldKeepAlive;
    response.end();
  });
};

const server = createServer(read);

server.on("connection", (socket) => {
  socket.reading = { source: socket.remoteAddress, requests: [], closed: false, error: "" };
  socket.on("close", () => say(socket.reading));
});

server.on("clientError", (error, socket) => {
  socket.reading.error ||= error.code;
  socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
});

server.on("checkExpectation", read); // refused unless we ask, which says nothing of how it is read

server.listen(0, "127.0.0.1", () => say(server.address().port));
