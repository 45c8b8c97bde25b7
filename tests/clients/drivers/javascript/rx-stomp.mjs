// Drives @stomp/rx-stomp, which subscribes anew by itself after a reconnect.

import { RxStomp, RxStompState } from "@stomp/rx-stomp";
import { Versions } from "@stomp/stompjs";
import { filter, skip } from "rxjs";

import { connection } from "./stompjs.mjs";

const RECONNECT_MS = 200;

export default function rxStomp(emit) {
  let rx;
  const subscriptions = new Map();
  const messages = new Map();

  return {
    connect({ url, versions, heartBeat: [heartbeatOutgoing, heartbeatIncoming], comeBack, transports }) {
      rx = new RxStomp();
      rx.configure({
        ...connection(url, transports),
        stompVersions: new Versions(versions),
        heartbeatOutgoing,
        heartbeatIncoming,
        reconnectDelay: comeBack ? RECONNECT_MS : 0,
      });
      const entered = (state) => rx.connectionState$.pipe(skip(1), filter((current) => current === state));
      entered(RxStompState.OPEN).subscribe(() => emit("connected", { version: rx.stompClient.connectedVersion }));
      entered(RxStompState.CLOSED).subscribe(() => emit("closed"));
      rx.stompErrors$.subscribe(({ headers, body }) => emit("error", { message: headers.message, body }));
      rx.activate();
    },
    subscribe({ id, destination, headers, receipt }) {
      if (receipt) rx.watchForReceipt(receipt, ({ headers }) => emit("receipt", { id: receipt, headers }));
      const subHeaders = { ...headers, id, ...(receipt && { receipt }) };
      const watch = rx.watch({ destination, subHeaders, unsubHeaders: { receipt: id } });
      subscriptions.set(id, watch.subscribe((message) => {
        messages.set(`${id} ${message.headers["message-id"]}`, message);
        emit("message", { subscription: id, headers: message.headers, body: message.body });
      }));
    },
    unsubscribe({ id }) {
      rx.watchForReceipt(id, () => emit("receipt", { id }));
      subscriptions.get(id).unsubscribe();
    },
    acknowledge({ id, message }) {
      messages.get(`${id} ${message}`).ack();
    },
    disconnect({ receipt }) {
      rx.stompClient.disconnectHeaders = { receipt };
      rx.stompClient.onDisconnect = ({ headers }) => emit("receipt", { id: headers["receipt-id"] });
      return rx.deactivate();
    },
  };
}
