// Drives @stomp/stompjs, over its own WebSocket or, when transports are named, over sockjs-client.

import { Client, Versions } from "@stomp/stompjs";
import SockJS from "sockjs-client";

const RECONNECT_MS = 200;

export default function stompjs(emit) {
  let client;
  const subscriptions = new Map();
  const messages = new Map();

  return {
    connect({ url, versions, heartBeat: [outgoing, incoming], comeBack, transports }) {
      client = new Client({
        ...connection(url, transports),
        stompVersions: new Versions(versions),
        heartbeatOutgoing: outgoing,
        heartbeatIncoming: incoming,
        reconnectDelay: comeBack ? RECONNECT_MS : 0,
        onConnect: () => emit("connected", { version: client.connectedVersion }),
        onStompError: ({ headers, body }) => emit("error", { message: headers.message, body }),
        onWebSocketClose: ({ code }) => emit("closed", { code }),
        onDisconnect: ({ headers }) => emit("receipt", { id: headers["receipt-id"] }),
      });
      client.activate();
    },
    subscribe({ id, destination, headers, receipt }) {
      if (receipt) client.watchForReceipt(receipt, ({ headers }) => emit("receipt", { id: receipt, headers }));
      const onMessage = (message) => {
        messages.set(`${id} ${message.headers["message-id"]}`, message);
        emit("message", { subscription: id, headers: message.headers, body: message.body });
      };
      subscriptions.set(id, client.subscribe(destination, onMessage, { ...headers, id, ...(receipt && { receipt }) }));
    },
    unsubscribe({ id }) {
      client.watchForReceipt(id, () => emit("receipt", { id }));
      subscriptions.get(id).unsubscribe({ receipt: id });
    },
    acknowledge({ id, message }) {
      messages.get(`${id} ${message}`).ack();
    },
    disconnect({ receipt }) {
      client.disconnectHeaders = { receipt };
      return client.deactivate();
    },
  };
}

/** How stompjs gets its connection. */
export function connection(url, transports) {
  if (!transports) return { brokerURL: url };
  return { webSocketFactory: () => new SockJS(url, null, { transports }) };
}
