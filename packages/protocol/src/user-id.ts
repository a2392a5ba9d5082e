/** Longest user id, in characters (code points). */
export const MAX_USER_ID_LENGTH = 128;

/** Longest display name, in characters (code points). */
export const MAX_NAME_LENGTH = 128;

/** In open mode, who uses the sse dialect and names nobody; and the bot it then has for company. */
export const SANDBOX_USER_ID = "user";
export const BOT_USER_ID = "bot";

/** Whether a value can be a user id: the identity provider's own string, 1 to 128 characters, none a control. */
export function isUserId(value: unknown): value is string {
  return isPlainText(value, MAX_USER_ID_LENGTH);
}

/** Whether a value can be a user's display name: 1 to 128 characters, none a control. */
export function isDisplayName(value: unknown): value is string {
  return isPlainText(value, MAX_NAME_LENGTH);
}

function isPlainText(value: unknown, maxLength: number): value is string {
  if (typeof value !== "string" || value === "" || !value.isWellFormed() || /\p{Cc}/u.test(value))
    return false;
  // A code point is one or two code units, so only lengths between the two need counting.
  if (value.length <= maxLength) return true;
  return value.length <= 2 * maxLength && Array.from(value).length <= maxLength;
}
