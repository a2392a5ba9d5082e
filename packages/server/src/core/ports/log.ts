/** Where a part says what the operator should know. Never message content, tokens or credentials. */
export interface Log {
  debug(obj: object, msg: string): void;
  info(obj: object, msg: string): void;
  warn(obj: object, msg: string): void;
  error(obj: object, msg: string): void;
}

/** For a part that is to say nothing: somebody else does. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
