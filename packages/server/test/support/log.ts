import type { Log } from "../../src/core/ports/log.ts";

export interface LogEntry {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** Keeps what was logged, for tests that ask what an operator would read. */
export function recordingLog(): { log: Log; entries: LogEntry[] } {
  const entries: LogEntry[] = [];
  const at = (level: keyof Log) => (fields: object, message: string) => {
    entries.push({ level, fields, message });
  };
  return { entries, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}
