import { createInProcessBus } from "../../src/adapters/bus/in-process-bus.ts";
import { busContract } from "./bus.ts";

busContract("the bus of one process", async () => {
  const bus = createInProcessBus();
  return { buses: [bus], close: () => bus.close() };
});
