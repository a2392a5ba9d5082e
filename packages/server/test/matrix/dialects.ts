import type { MatrixDialect } from "./client.ts";
import { queue } from "./queue.ts";
import { socketio } from "./socketio.ts";
import { sse } from "./sse.ts";
import { stomp } from "./stomp.ts";
import { websocket } from "./websocket.ts";

/** Every dialect there is, as a row and a column. */
export const DIALECTS: readonly MatrixDialect[] = [queue, socketio, sse, stomp, websocket];
