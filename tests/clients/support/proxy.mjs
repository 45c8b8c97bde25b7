// A proxy in front of the server that lets no WebSocket through, as those of some offices and phone networks do.

import { once } from "node:events";
import http from "node:http";

const HOST = "127.0.0.1";
/** Headers that are about one connection, not about the request. */
const HOP_BY_HOP = new Set(["connection", "upgrade", "keep-alive", "transfer-encoding"]);

/**
 * A proxy in front of `port`; the test's end stops it. To an upgrade it answers 400 itself or, with `strips`, hands
 * it on as a plain request.
 */
export async function startProxy(t, port, { strips }) {
  const proxy = { upgrades: 0, paths: [] };
  const forward = (request, response) => {
    proxy.paths.push(request.url);
    const upstream = http.request({ host: HOST, port, method: request.method, path: request.url, headers: plain(request) });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode, plain(answer));
      response.flushHeaders();
      answer.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  };
  const server = http.createServer(forward);
  server.on("upgrade", (request, socket) => {
    proxy.upgrades += 1;
    if (!strips) return socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on("finish", () => socket.end());
    forward(request, response);
  });
  server.listen(0, HOST);
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  proxy.port = server.address().port;
  return proxy;
}

function plain({ headers }) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}
