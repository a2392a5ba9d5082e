/** The five dialects, by the names that options, logs and documentation use. */
export const DIALECT_NAMES = ["queue", "socketio", "sse", "stomp", "websocket"] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];
