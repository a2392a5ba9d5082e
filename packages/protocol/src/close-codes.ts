/** Why a WebSocket is closed by the server, and so whether the client should come back. */
export const CLOSE_CODES = {
  /** The server is going away or restarting: come back, to any node, and resume. */
  restart: 1012,
  /** Ten bad frames in a row. */
  policy: 1008,
  /** A frame over the size limit. */
  tooBig: 1009,
  /** A fault of ours. */
  internal: 1011,
  /** No identity, an invalid or expired token: get a new token first. */
  unauthenticated: 4001,
  /** The connection did not read fast enough: come back and resume. */
  slowConsumer: 4008,
  /** More connections than one user may have. */
  tooManySessions: 4009,
  /** Frames came faster than the limit: wait, then come back. */
  tooFast: 4029,
} as const;

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];
