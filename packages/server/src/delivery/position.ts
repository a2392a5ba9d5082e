/**
 * A position over all of a person's conversations: small, exact, and the same on every node.
 *
 * It holds a horizon X and the clocks of the conversations that were delivered with a transaction from X on.
 * Every transaction before X was finished, and delivered, when it was made; so what a returning client has
 * missed is, in each conversation that a transaction from X on has moved: what lies above its named clock, or,
 * where none is named, what lies above the last tick of a transaction before X. Why not an identity column, a
 * time, or a log per person: docs/decisions/0003-positions.md.
 */
export interface Position {
  /** The first characters of the epoch it belongs to. */
  readonly epoch: string;
  readonly horizon: number;
  /** When its horizon was read, epoch seconds: marks are told again from then on. */
  readonly at: number;
  readonly clocks: ReadonlyMap<number, number>;
}

/**
 * At most so many conversations are named, which keeps a position under 4 KB. One that is left out costs
 * repeats, never a loss: without a name resume goes back to the last tick before the horizon.
 */
export const MAX_NAMES = 150;
const MAX_LENGTH = 4_096;
/** The end of the year 9999. */
const LATEST_SECONDS = 253_402_300_799;

const SYNTAX =
  /^([0-9a-z]{8})\.([0-9a-z]{1,13})\.([0-9a-z]{1,9})\.((?:[0-9a-z]{1,11}-[0-9a-z]{1,11}(?:_(?!$)|$))*)$/;

/** What all positions of one horizon begin with. */
export function positionHead(epoch: string, horizon: number, at: number): string {
  return `${epochTag(epoch)}.${horizon.toString(36)}.${at.toString(36)}.`;
}

export function positionName(conversationId: number, clock: number): string {
  return `${conversationId.toString(36)}-${clock.toString(36)}`;
}

export function spellPosition({ epoch, horizon, at, clocks }: Position): string {
  return (
    positionHead(epoch, horizon, at) + [...clocks].map(([id, clock]) => positionName(id, clock)).join("_")
  );
}

/**
 * The position of somebody who has been told everything up to that tick of a conversation beside what `position`
 * covers. A name for which there is no room is left out: repeats, never a loss.
 */
export function positionAfter(position: string, conversationId: number, clock: number): string {
  const start = position.lastIndexOf(".") + 1;
  const name = positionName(conversationId, clock);
  const key = `${conversationId.toString(36)}-`;
  const behind = position.indexOf(`_${key}`, start);
  const at = position.startsWith(key, start) ? start : behind + 1;
  if (at > 0) {
    const next = position.indexOf("_", at);
    return position.slice(0, at) + name + (next === -1 ? "" : position.slice(next));
  }
  if (position.length === start) return position + name;
  return position.slice(start).split("_").length < MAX_NAMES ? `${position}_${name}` : position;
}

export const epochTag = (epoch: string): string => epoch.slice(0, 8);

/** Null when it is not one of ours. */
export function readPosition(text: string): Position | null {
  if (text.length > MAX_LENGTH) return null;
  const match = SYNTAX.exec(text);
  if (match === null) return null;
  const [, epoch = "", horizon = "", at = "", names = ""] = match;
  const clocks = new Map<number, number>();
  for (const name of names === "" ? [] : names.split("_")) {
    const [id = "", clock = ""] = name.split("-");
    clocks.set(Number.parseInt(id, 36), Number.parseInt(clock, 36));
  }
  const position = { epoch, horizon: Number.parseInt(horizon, 36), at: Number.parseInt(at, 36), clocks };
  if (position.at > LATEST_SECONDS) return null;
  const numbers = [position.horizon, position.at, ...clocks.keys(), ...clocks.values()];
  return numbers.every(Number.isSafeInteger) ? position : null;
}
