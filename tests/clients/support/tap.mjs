// A relay between one client and its server that changes nothing and notes what the wire carried: some clients keep
// RECEIPTs and heart-beats to themselves, and "nothing came after the receipt" is a statement about the wire.

import { once } from "node:events";
import net from "node:net";

const HOST = "127.0.0.1";
/** WebSocket frames whose payload is text or binary, or goes on with it. */
const DATA_OPCODES = new Set([0, 1, 2]);
/** A STOMP heart-beat: alone in a WebSocket message, or as SockJS frames it, in whichever transport. */
const BEAT = /^(\n|(data: )?a?\["\\n"\]|d=%5B%22%5Cn%22%5D|(\/\*\*\/[\w.]+|p)\("a\[\\"\\\\n\\"\]"\);)$/;

/** A tap in front of `port`; the test's end closes it and every connection through it. */
export async function openTap(t, port) {
  const tap = new Tap();
  t.after(() => tap.close());
  await tap.listen(port);
  return tap;
}

class Tap {
  /** What the server said, in the order in which it came: payloads of WebSocket messages, bodies of HTTP answers. */
  fromServer = new Log();
  fromClient = new Log();
  port = 0;
  #sockets = new Set();
  #upstreamPort;
  #listener;

  /** Relays to `upstreamPort` from now on; its own port stays the same. */
  async listen(upstreamPort) {
    this.#upstreamPort = upstreamPort;
    this.#listener = net.createServer((socket) => this.#relay(socket)).listen(this.port, HOST);
    await once(this.#listener, "listening");
    this.port = this.#listener.address().port;
  }

  /** Refuses connections until it listens again, and ends those that are open. */
  close() {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(client) {
    const server = net.connect(this.#upstreamPort, HOST);
    const state = { isWebSocket: false };
    this.#pass(server, client, new Reader(this.fromServer, state));
    this.#pass(client, server, new Reader(this.fromClient, state));
  }

  #pass(from, to, reader) {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => {
      reader.read(bytes);
      // Whoever left isn't written to; what the other side still says is noted all the same.
      if (to.writable && !to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      from.resume();
    });
  }
}

/** What one side said. */
class Log {
  text = "";
  beats = 0;

  note(payload) {
    this.text += payload;
    if (BEAT.test(payload)) this.beats += 1;
  }
}

/** Reads one direction of a connection: HTTP until the server has agreed to an upgrade, WebSocket frames from then on. */
class Reader {
  #log;
  #state;
  #rest = Buffer.alloc(0);
  #isFraming = false;

  constructor(log, state) {
    this.#log = log;
    this.#state = state;
  }

  read(bytes) {
    if (this.#isFraming || this.#state.isWebSocket) return this.#readFrames(bytes);
    const text = bytes.toString("latin1");
    if (!/^HTTP\/1\.1 101 /.test(text)) {
      // Bodies of polls and sends come with their heads or as chunks: each line is looked at for itself.
      for (const line of bytes.toString().split(/\r?\n/)) if (line) this.#log.note(line);
      return;
    }
    this.#state.isWebSocket = true;
    this.#readFrames(bytes.subarray(text.indexOf("\r\n\r\n") + 4));
  }

  #readFrames(bytes) {
    this.#isFraming = true;
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let frame = firstFrame(this.#rest); frame; frame = firstFrame(this.#rest)) {
      this.#rest = this.#rest.subarray(frame.length);
      if (DATA_OPCODES.has(frame.opcode)) this.#log.note(frame.payload.toString());
    }
  }
}

/** The first WebSocket frame in `bytes`, unmasked, or null when it isn't there whole (RFC 6455, section 5.2). */
function firstFrame(bytes) {
  if (bytes.length < 2) return null;
  const isMasked = (bytes[1] & 0x80) !== 0;
  const short = bytes[1] & 0x7f;
  const lengthBytes = { 126: 2, 127: 8 }[short] ?? 0;
  const payloadAt = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < payloadAt) return null;
  const size = lengthBytes === 0 ? short : Number(BigInt(`0x${bytes.toString("hex", 2, 2 + lengthBytes)}`));
  if (bytes.length < payloadAt + size) return null;
  const payload = Buffer.from(bytes.subarray(payloadAt, payloadAt + size));
  if (isMasked) {
    const mask = bytes.subarray(payloadAt - 4, payloadAt);
    for (let i = 0; i < size; i += 1) payload[i] ^= mask[i % 4];
  }
  return { opcode: bytes[0] & 0x0f, payload, length: payloadAt + size };
}
