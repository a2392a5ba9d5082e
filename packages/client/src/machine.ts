import type { ConnectionStatus } from "./model.ts";

/** What can happen to a connection. SPEC.md says when each does. */
export type MachineEvent =
  | "start"
  | "stop"
  | "token"
  | "no-token"
  | "fresh"
  | "resumable"
  | "resumed"
  | "reset"
  | "dropped"
  | "refused"
  | "rejected"
  | "due"
  | "online"
  | "offline";

type Row = Readonly<Partial<Record<MachineEvent, ConnectionStatus>>>;

/** What every connection that is under way does alike. */
const UNDER_WAY: Row = {
  stop: "idle",
  dropped: "waiting",
  refused: "authorizing",
  rejected: "ended",
  offline: "waiting",
};

/** The whole table: what is not named leaves the state as it is. A test compares it with SPEC.md, cell by cell. */
export const TRANSITIONS: Readonly<Record<ConnectionStatus, Row>> = {
  idle: { start: "authorizing" },
  authorizing: { stop: "idle", token: "connecting", "no-token": "waiting", rejected: "ended" },
  connecting: { ...UNDER_WAY, fresh: "live", resumable: "resuming" },
  resuming: { ...UNDER_WAY, resumed: "live", reset: "live" },
  live: UNDER_WAY,
  waiting: { start: "authorizing", stop: "idle", due: "authorizing", online: "authorizing" },
  ended: { start: "authorizing", stop: "idle" },
};

export function next(state: ConnectionStatus, event: MachineEvent): ConnectionStatus {
  return TRANSITIONS[state][event] ?? state;
}
