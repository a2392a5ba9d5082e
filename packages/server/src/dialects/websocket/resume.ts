import { Refusal } from "@parlance/protocol/errors.ts";
import type { ClientPayload, RequestId } from "@parlance/protocol/websocket.ts";
import type { CatchUpReport, ResumeWish } from "../../delivery/catch-up.ts";
import { readPosition } from "../../delivery/position.ts";
import { conversationOf } from "../spelled-ids.ts";
import { frame, signalFrame } from "./codec.ts";
import type { Connection } from "./connection.ts";
import { conversationId, conversationPayload } from "./shapes.ts";

/** At most so many conversations can be named by their seq; a position has no such limit. */
const MAX_POSITIONS = 10_000;

/** Heads of large groups are large: so many are read at once. */
const ENTRIES_AT_ONCE = 50;

/** Everything missed, then what is personal, then `resumed`; a `reset` for what cannot be resumed. */
export async function resume(
  connection: Connection,
  payload: ClientPayload<"resume">,
  id: RequestId | undefined,
): Promise<void> {
  const { listening } = connection;
  if (listening === null) return;
  const { wish, resets } = wishOf(payload);
  for (const spelling of resets) {
    connection.send(frame("reset", { conversation_id: spelling, reason: "forbidden" }));
  }
  await listening.resume(wish, (report) => finish(connection, report));
  // The position counts as told what came meanwhile: that goes out before it.
  connection.release();
  await listening.session.settled();
  connection.send(frame("resumed", { position: listening.position() }, id));
}

async function finish(connection: Connection, report: CatchUpReport): Promise<void> {
  for (const { conversationId: reset, reason } of report.resets) {
    connection.send(
      frame("reset", reset === undefined ? { reason } : { conversation_id: conversationId(reset), reason }),
    );
  }
  const unnamed = new Set(report.unnamed);
  const own = report.marks.filter((mark) => mark.userId === connection.caller.userId);
  const named = new Set([...report.told, ...own.map((mark) => mark.conversationId)]).difference(unnamed);
  await tellEntries(connection, report, [...unnamed], false);
  // Of these the client knows the people, and has just been told who came and went.
  await tellEntries(connection, report, [...named], true);
  for (const { conversationId, ...marks } of report.marks) {
    connection.send(signalFrame({ type: "receipt", conversationId, marks, read: true }));
    await connection.listening?.session.paced();
  }
}

async function tellEntries(
  connection: Connection,
  report: CatchUpReport,
  ids: readonly number[],
  few: boolean,
): Promise<void> {
  for (let i = 0; i < ids.length && !connection.listening?.session.ended; i += ENTRIES_AT_ONCE) {
    const conversationIds = ids.slice(i, i + ENTRIES_AT_ONCE);
    const entries = await connection.parts.door.answer(connection.caller, {
      type: "read-entries",
      conversationIds,
      few,
    });
    for (const entry of entries) {
      const { head } = entry;
      // Never ahead of what was told: a client goes on from here.
      const seq = Math.min(head.conversation.clock, report.toldTo(head.conversation.id));
      connection.send(frame("conversation.changed", conversationPayload(head, { seq }, entry)));
      await connection.listening?.session.paced();
    }
  }
}

function wishOf({ position, epoch, positions }: ClientPayload<"resume">): {
  wish: ResumeWish;
  resets: readonly string[];
} {
  if (position !== undefined) {
    const read = readPosition(position);
    if (read === null) throw new Refusal("invalid", "position is not one of this server's");
    return { wish: { kind: "position", position: read }, resets: [] };
  }
  if (positions === undefined) throw new Refusal("invalid", "resume needs position or positions");
  const named = Object.entries(positions);
  if (named.length > MAX_POSITIONS)
    throw new Refusal("invalid", `at most ${MAX_POSITIONS} conversations can be named`);
  const clocks = new Map<number, number>();
  const resets: string[] = [];
  for (const [spelling, seq] of named) {
    try {
      clocks.set(conversationOf(spelling), seq);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "not_participant") throw error;
      resets.push(spelling);
    }
  }
  return { wish: { kind: "clocks", epoch: epoch ?? null, clocks }, resets };
}
