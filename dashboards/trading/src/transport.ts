/**
 * Which transport the next connection takes: WebSocket, or SockJS's HTTP streaming where WebSocket is blocked.
 *
 * A proxy that breaks WebSocket looks like a server that is away. So the two are tried in turn until one of them
 * connects, and the one that did is kept for as long as it works.
 */

export type Transport = "websocket" | "sockjs";

/** So many failures in a row and what worked before may not work any more: the laptop was carried elsewhere. */
const PATIENCE = 3;

export class TransportChooser {
  #transport: Transport = "websocket";
  #proven = false;
  #failures = 0;

  /** The transport to take now. */
  get transport(): Transport {
    return this.#transport;
  }

  /** The server answered on it. */
  connected(): void {
    this.#proven = true;
    this.#failures = 0;
  }

  /** The connection was closed before the server answered on it. */
  failed(): void {
    this.#failures += 1;
    if (this.#proven && this.#failures < PATIENCE) return;
    this.#proven = false;
    this.#transport = this.#transport === "websocket" ? "sockjs" : "websocket";
  }
}

/** How one transport's sockets are opened. */
export type OpenSocket = () => WebSocket;

/** What a page that is served at `base` needs to open sockets; the code for SockJS is fetched when it's needed. */
export async function opener(transport: Transport, base: string): Promise<OpenSocket> {
  if (transport === "websocket") {
    return () => new WebSocket(webSocketUrl(base), ["v12.stomp", "v11.stomp", "v10.stomp"]);
  }
  const { default: SockJS } = await import("sockjs-client");
  const url = new URL("sockjs", base).href;
  // WebSocket is what didn't work. EventSource streams no better than XHR does, and needs a further request.
  return () => new SockJS(url, null, { transports: ["xhr-streaming", "xhr-polling"] });
}

/** `/ws` beside the page, in its security: wss for https. */
export function webSocketUrl(base: string): string {
  const url = new URL("ws", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  url.hash = "";
  return url.href;
}
