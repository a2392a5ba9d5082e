import type { Driver, DriverName } from "./driver.ts";
import { naiveSocketioDriver } from "./naive-socketio.ts";
import { naiveWsDriver } from "./naive-ws.ts";
import { natsDriver } from "./nats.ts";
import { nchanDriver } from "./nchan.ts";
import { queueDriver } from "./queue.ts";
import { rabbitmqQueueDriver, rabbitmqTopicDriver } from "./rabbitmq.ts";
import { socketioDriver } from "./socketio.ts";
import { sseDriver } from "./sse.ts";
import { stompDriver } from "./stomp.ts";
import { websocketDriver } from "./websocket.ts";

/** A further dialect or peer is measured by adding its driver here and its name to `DriverName`. */
export const DRIVERS: Readonly<Record<DriverName, Driver>> = {
  websocket: websocketDriver,
  queue: queueDriver,
  socketio: socketioDriver,
  sse: sseDriver,
  stomp: stompDriver,
  "naive-ws": naiveWsDriver,
  "naive-socketio": naiveSocketioDriver,
  "rabbitmq-queue": rabbitmqQueueDriver,
  "rabbitmq-topic": rabbitmqTopicDriver,
  nats: natsDriver,
  nchan: nchanDriver,
};
