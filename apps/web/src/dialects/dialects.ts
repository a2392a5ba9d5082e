import type { CreateClient } from "./client.ts";
import { createQueueClient } from "./clients/queue.ts";
import queueSource from "./clients/queue.ts?raw";
import { createSocketIoClient } from "./clients/socketio.ts";
import socketioSource from "./clients/socketio.ts?raw";
import { createSseClient } from "./clients/sse.ts";
import sseSource from "./clients/sse.ts?raw";
import { createStompClient } from "./clients/stomp.ts";
import stompSource from "./clients/stomp.ts?raw";
import { createWebSocketClient } from "./clients/websocket.ts";
import websocketSource from "./clients/websocket.ts?raw";

export interface DialectPane {
  readonly name: string;
  /** What it is spoken with here. */
  readonly library: string;
  /** Which of the two people sits here. */
  readonly seat: 0 | 1;
  /** Whether a request of it may ask the server to be capricious. */
  readonly canBeCapricious: boolean;
  readonly create: CreateClient;
  /** Of the client, to be read. */
  readonly source: string;
}

export const DIALECTS: readonly DialectPane[] = [
  {
    name: "queue",
    library: "fetch, once a second",
    seat: 0,
    canBeCapricious: true,
    create: createQueueClient,
    source: queueSource,
  },
  {
    name: "socketio",
    library: "socket.io-client",
    seat: 1,
    canBeCapricious: false,
    create: createSocketIoClient,
    source: socketioSource,
  },
  {
    name: "sse",
    library: "EventSource",
    seat: 0,
    canBeCapricious: true,
    create: createSseClient,
    source: sseSource,
  },
  {
    name: "stomp",
    library: "@stomp/stompjs",
    seat: 1,
    canBeCapricious: false,
    create: createStompClient,
    source: stompSource,
  },
  {
    name: "websocket",
    library: "WebSocket",
    seat: 0,
    canBeCapricious: false,
    create: createWebSocketClient,
    source: websocketSource,
  },
];
