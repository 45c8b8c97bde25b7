// Drives webstomp-client. It has no reconnect: its application connects anew. It closes the WebSocket right after
// its DISCONNECT, so that it never sees the receipt.

import webstomp from "webstomp-client";

export default function webstompClient(emit) {
  let client;
  const subscriptions = new Map();
  const messages = new Map();

  return {
    connect({ url, versions, heartBeat: [outgoing, incoming] }) {
      // It speaks the version whose subprotocol the server chose.
      const protocols = versions.map((version) => `v${version.replace(".", "")}.stomp`);
      client = webstomp.client(url, { protocols, heartbeat: { outgoing, incoming }, debug: false });
      client.onreceipt = ({ headers }) => emit("receipt", { id: headers["receipt-id"], headers });
      const onConnected = () => emit("connected", { version: client.version });
      // One callback for ERROR frames and for the end of the connection.
      client.connect({}, onConnected, (problem) => {
        if (problem.command === "ERROR") emit("error", { message: problem.headers.message, body: problem.body });
        else emit("closed", { code: problem.code });
      });
    },
    subscribe({ id, destination, headers, receipt }) {
      const onMessage = (message) => {
        messages.set(`${id} ${message.headers["message-id"]}`, message);
        emit("message", { subscription: id, headers: message.headers, body: message.body });
      };
      subscriptions.set(id, client.subscribe(destination, onMessage, { ...headers, id, ...(receipt && { receipt }) }));
    },
    unsubscribe({ id }) {
      subscriptions.get(id).unsubscribe({ receipt: id });
    },
    acknowledge({ id, message }) {
      messages.get(`${id} ${message}`).ack();
    },
    disconnect({ receipt }) {
      client.disconnect(() => emit("closed"), { receipt });
    },
  };
}
