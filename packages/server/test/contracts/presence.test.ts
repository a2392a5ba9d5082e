import { createInProcessPresence } from "../../src/adapters/presence/in-process-presence.ts";
import { presenceContract } from "./presence.ts";

presenceContract("the registry of one process", async () => ({
  registries: [createInProcessPresence()],
  async close() {},
}));
