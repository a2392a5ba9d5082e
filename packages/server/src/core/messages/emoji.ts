const ONE_EMOJI = /^\p{RGI_Emoji}$/v;
const VARIATION_SELECTOR = "\ufe0f";

/** One emoji in its full form, or null. Keyboards leave out the variation selector: ❤ is kept as ❤️. */
export function normalEmoji(text: string): string | null {
  if (text.length > 64) return null;
  if (ONE_EMOJI.test(text)) return text;
  const full = text + VARIATION_SELECTOR;
  return ONE_EMOJI.test(full) ? full : null;
}
