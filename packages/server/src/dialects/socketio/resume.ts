import { Refusal } from "@parlance/protocol/errors.ts";
import type { Reset } from "../../delivery/catch-up.ts";
import { type Position, readPosition } from "../../delivery/position.ts";
import { codec } from "./codec.ts";
import type { Connection } from "./connection.ts";
import { eventFrame } from "./packet.ts";
import { conversationId } from "./shapes.ts";

/** Null where the client gives none. */
export function positionOf(given: unknown): Position | null {
  if (given === undefined || given === null) return null;
  const position = typeof given === "string" ? readPosition(given) : null;
  if (position === null) throw new Refusal("invalid", "position is not one of this server's");
  return position;
}

/** Everything missed in all conversations, marks that moved, then `resumed`; a `reset` for what cannot be resumed. */
export async function resume(connection: Connection, position: Position): Promise<void> {
  const { listening } = connection;
  if (listening === null) return;
  await listening.resume({ kind: "position", position }, async ({ resets, marks }) => {
    for (const reset of resets) tellReset(connection, reset);
    for (const { conversationId, ...moved } of marks) {
      const frame = codec.signal({ type: "receipt", conversationId, marks: moved, read: true });
      if (frame !== null) connection.send(frame);
      await listening.session.paced();
    }
  });
  // The position counts as told what came meanwhile: that goes out before it.
  connection.release();
  await listening.session.settled();
  connection.send(eventFrame("resumed", { position: listening.position() }));
}

/** Joins a conversation of the caller's; what was said in it after the tick `since` comes before what is live. */
export async function catchUpWith(
  connection: Connection,
  conversation: number,
  since: number,
  epoch: string | null,
): Promise<void> {
  const { listening, joined } = connection;
  if (listening === null) return;
  const clocks = new Map([[conversation, since]]);
  // In one go with keeping back what is live: nothing of it comes before what was missed.
  joined.join(conversation);
  await listening.resume({ kind: "clocks", epoch, clocks, alone: true }, async ({ resets }) => {
    for (const reset of resets) tellReset(connection, { conversationId: conversation, ...reset });
  });
}

function tellReset(connection: Connection, { conversationId: id, reason }: Reset): void {
  connection.send(
    eventFrame("reset", { ...(id !== undefined && { conversation_id: conversationId(id) }), reason }),
  );
}
