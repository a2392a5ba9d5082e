import type { MatrixDialect } from "./client.ts";
import { websocket } from "./websocket.ts";

/** Every dialect there is, as a row and a column. */
export const DIALECTS: readonly MatrixDialect[] = [websocket];
