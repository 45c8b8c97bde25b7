// Prices as a client gets them: what a subscription of one symbol has to look like.

import assert from "node:assert/strict";

/** How many the market has. */
export const SYMBOLS = 20;
/** Enough of them to be a stream. */
export const UPDATES = 3;

export const destination = (symbol) => `/topic/price.stock.${symbol}`;

/** Waits until that many messages of a subscription have come, and returns all there are. */
export async function updates(client, subscription, count = UPDATES) {
  const messages = () => client.messagesOf(subscription);
  await client.until(`${count} messages of "${subscription}"`, () => messages().length >= count);
  return messages();
}

/** The first is the snapshot, all after it are newer updates, and each is a whole state. */
export function assertStream(messages, symbol) {
  assert.ok(messages.length > 0, `there are messages of ${symbol}`);
  const [snapshot, ...rest] = messages.map(({ headers }) => headers);
  assert.equal(snapshot.type, "snapshot", `${symbol} starts with its snapshot`);
  let { seq } = snapshot;
  for (const headers of rest) {
    assert.equal(headers.type, "update");
    assert.equal(headers.epoch, snapshot.epoch, `${symbol} stays in one epoch`);
    assert.ok(Number(headers.seq) > Number(seq), `${symbol}: seq ${headers.seq} follows ${seq}`);
    ({ seq } = headers);
  }
  for (const { headers, body } of messages) {
    const state = JSON.parse(body);
    assert.equal(state.symbol, symbol);
    assert.ok(state.price > 0 || state.bid > 0 || state.ask > 0, `${symbol} has a price: ${body}`);
    assert.equal(headers.destination, destination(symbol));
    assert.equal(headers["content-type"], "application/json");
    assert.match(headers["message-id"], /^\d+-\d+$/);
  }
}
