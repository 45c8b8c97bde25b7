// Runs one of the drivers beside this file in a page; the test gives `emit`, takes `start` and `command`.

import rxStomp from "./rx-stomp.mjs";
import stompjs from "./stompjs.mjs";
import webstomp from "./webstomp.mjs";

const DRIVERS = { "rx-stomp": rxStomp, stompjs, webstomp };

globalThis.start = (name) => {
  const client = DRIVERS[name]((event, details) => globalThis.emit(JSON.stringify({ event, ...details })));
  globalThis.command = (line) => {
    const { do: command, ...details } = JSON.parse(line);
    client[command](details);
  };
};
