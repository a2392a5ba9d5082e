import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compressed } from "./build/compressed.ts";
import { emojiData } from "./build/emoji-data.ts";
import { serviceWorker } from "./build/service-worker.ts";

const page = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Where `npm run dev` finds a server, for all that is not the app's own. */
const SERVER = "http://127.0.0.1:8080";
const API = ["/api", "/chats", "/events", "/messages", "/health", "/ready", "/docs"];
const SOCKETS = ["/ws", "/ws-raw", "/socket.io"];

export default defineConfig({
  plugins: [react(), emojiData(), serviceWorker(), compressed()],
  build: {
    rolldownOptions: { input: [page("index.html"), page("dialects.html")] },
    // The policy of the server lets nothing through that is inlined as `data:`, but for pictures.
    assetsInlineLimit: 0,
    // A third of its size again, and of use to those who debug the app only.
    sourcemap: false,
    modulePreload: { polyfill: false },
    license: { fileName: "licenses.json" },
  },
  server: {
    proxy: Object.fromEntries([
      ...API.map((path) => [path, SERVER]),
      ...SOCKETS.map((path) => [path, { target: SERVER, ws: true }]),
    ]),
  },
});
