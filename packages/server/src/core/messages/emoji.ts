import { SHORTCODES } from "./shortcodes.ts";

const ONE_EMOJI = /^\p{RGI_Emoji}$/v;
const VARIATION_SELECTOR = "\ufe0f";
const MAX_LENGTH = 64;

/**
 * One emoji in its full form, or null. Keyboards leave out the variation selector: ❤ is kept as ❤️. The shortcode of a
 * common one, such as `:heart:`, is that emoji.
 */
export function normalEmoji(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  if (ONE_EMOJI.test(text)) return text;
  if (text.startsWith(":")) return SHORTCODES.get(text.toLowerCase()) ?? null;
  const full = text + VARIATION_SELECTOR;
  return ONE_EMOJI.test(full) ? full : null;
}
