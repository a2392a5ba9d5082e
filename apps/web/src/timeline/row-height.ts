import type { Row } from "./rows.ts";

const LINE_PX = 22;
const CHARACTER_PX = 7.7;
/** As wide as lines of text get (message-row.module.css), and what of a window is beside them. */
const MOST_PX = 690;
const BESIDE_PX = 100;
const MARGIN_PX = 4;
const HEAD_PX = 32;
const DAY_PX = 44;
const EXTRA_PX = 34;
const FILE_PX = 64;
const PICTURE_PX = 300;

/**
 * About how high a row will be, before it is there to be measured. The nearer this is, the less has to be put right
 * while somebody scrolls over rows that were never seen.
 * @param width of the window on the messages, in pixels
 */
export function guessHeight({ message, startsDay, startsGroup, isFirstUnread }: Row, width: number): number {
  const perLine = Math.max(10, Math.min(MOST_PX, width - BESIDE_PX) / CHARACTER_PX);
  let height = MARGIN_PX;
  for (const line of message.content.split("\n")) {
    height += LINE_PX * Math.max(1, Math.ceil(line.length / perLine));
  }
  if (startsGroup) height += HEAD_PX;
  if (startsDay) height += DAY_PX;
  if (isFirstUnread) height += EXTRA_PX;
  if (message.parent !== null) height += EXTRA_PX;
  if (Object.keys(message.reactions).length > 0) height += EXTRA_PX;
  for (const { height: pixels } of message.attachments) {
    height += pixels === null ? FILE_PX : Math.min(PICTURE_PX, pixels);
  }
  return height;
}
