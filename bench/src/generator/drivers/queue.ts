import { type Driver, sixtyBytes } from "./driver.ts";
import { websocketDriver } from "./websocket.ts";

/** Parlance's queue dialect: requests alone. Who listens does so over `/ws`, to see when a message is there. */
export const queueDriver: Driver = {
  ...websocketDriver,
  name: "queue",
  post: (_, [from, to]) => {
    const head = `{"sender_id":"${from}","receiver_id":"${to}","content":"`;
    return (number) => ({ path: "/api/v1/messages", headers: "", body: `${head}${sixtyBytes(number)}"}` });
  },
};
