// A STOMP server on `ws`, as one writes it for Node.js: what is sent to a destination goes to all who subscribed to it.
//
//   node node-ws.mjs [--cork]
//
// With --cork what a socket is due in one turn of the event loop is written at once. It says its port and runs until
// it's ended.
import { WebSocketServer } from 'ws';

const corks = process.argv.includes('--cork');

/** By destination: who subscribed, and how a MESSAGE to them begins. */
const subscribers = new Map();
const corked = new Set();
let count = 0;

function headersOf(head) {
  const headers = {};
  for (const line of head.split('\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon)] ??= line.slice(colon + 1);
  }
  return headers;
}

function cork(stream) {
  if (corked.has(stream)) return;
  if (corked.size === 0) setImmediate(uncork);
  stream.cork();
  corked.add(stream);
}

function uncork() {
  for (const stream of corked) stream.uncork();
  corked.clear();
}

function subscribe(socket, { id, destination }) {
  const beginning = `MESSAGE\nsubscription:${id}\n`;
  const list = subscribers.get(destination);
  if (list) list.push({ socket, beginning });
  else subscribers.set(destination, [{ socket, beginning }]);
}

function publish(destination, body) {
  count += 1;
  const rest =
    `message-id:${count}\ndestination:${destination}\ncontent-type:application/json\n` +
    `content-length:${Buffer.byteLength(body)}\n\n${body}\0`;
  for (const { socket, beginning } of subscribers.get(destination) ?? []) {
    if (corks) cork(socket._socket);
    socket.send(beginning + rest);
  }
}

function forget(socket) {
  for (const [destination, list] of subscribers) {
    const left = list.filter((subscriber) => subscriber.socket !== socket);
    if (left.length === 0) subscribers.delete(destination);
    else subscribers.set(destination, left);
  }
}

function take(socket, frame) {
  const end = frame.indexOf('\n\n');
  if (end < 0) return;
  const head = frame.slice(0, end);
  const headers = headersOf(head);
  switch (head.slice(0, head.indexOf('\n'))) {
    case 'CONNECT':
    case 'STOMP':
      socket.send('CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0');
      break;
    case 'SUBSCRIBE':
      subscribe(socket, headers);
      break;
    case 'SEND':
      publish(headers.destination, frame.slice(end + 2));
      break;
  }
  if (headers.receipt) socket.send(`RECEIPT\nreceipt-id:${headers.receipt}\n\n\0`);
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  path: '/ws',
  backlog: 4096,
  handleProtocols: (asked) => (asked.has('v12.stomp') ? 'v12.stomp' : false),
});
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    for (const frame of data.toString().split('\0')) take(socket, frame.trimStart());
  });
  socket.on('close', () => forget(socket));
  socket.on('error', () => forget(socket));
});
server.on('listening', () => console.log(`port ${server.address().port}`));
