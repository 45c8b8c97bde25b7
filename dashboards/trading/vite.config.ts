import { defineConfig } from "vite";

// `npm run dev` serves the page with hot reload and takes its data from a server that is already running.
const server = "127.0.0.1:8080";

export default defineConfig({
  // Relative, so that the page also works behind a proxy that serves it under a path.
  base: "./",
  // sockjs-client is older than the name that browsers agreed on.
  define: { global: "globalThis" },
  build: {
    target: "es2022",
    // The page's Content-Security-Policy allows no `data:` scripts or styles; small files stay files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": `http://${server}`,
      "/sockjs": { target: `http://${server}`, headers: { origin: `http://${server}` } },
      // The server accepts a browser only from its own origin.
      "/ws": { target: `ws://${server}`, ws: true, headers: { origin: `http://${server}` } },
    },
  },
});
