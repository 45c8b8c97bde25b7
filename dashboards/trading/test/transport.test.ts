import { describe, expect, test } from "vitest";

import { TransportChooser, webSocketUrl } from "../src/transport";

describe("the choice of a transport", () => {
  test("both are tried in turn until one connects", () => {
    const chooser = new TransportChooser();
    const tried = [chooser.transport];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      chooser.failed();
      tried.push(chooser.transport);
    }
    expect(tried).toEqual(["websocket", "sockjs", "websocket", "sockjs"]);
  });

  test("what worked is kept while the server is away for a moment, but not for ever", () => {
    const chooser = new TransportChooser();
    chooser.failed();
    chooser.connected();
    expect(chooser.transport).toBe("sockjs");
    chooser.failed();
    chooser.failed();
    expect(chooser.transport).toBe("sockjs");
    chooser.failed();
    expect(chooser.transport).toBe("websocket");
    chooser.failed();
    expect(chooser.transport).toBe("sockjs");
  });
});

test.each([
  ["https://prices.example/", "wss://prices.example/ws"],
  ["http://localhost:8080/desk/?list=1#AAPL", "ws://localhost:8080/desk/ws"],
])("the socket of a page at %s is %s", (base, url) => {
  expect(webSocketUrl(base)).toBe(url);
});
