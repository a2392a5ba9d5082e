const MAX_BYTES = 255;
const UNNAMED = "file";

/**
 * A name as it is shown and offered for saving, never a path: what stands before the last slash or backslash goes,
 * and so do characters that cannot be seen or that turn the reading direction (`exe.gpj` must not read `jpg.exe`).
 * Otherwise it stays, in its composed form (NFC); what is over 255 bytes is cut before the ending.
 */
export function cleanFileName(given: string): string {
  const bare = given.toWellFormed().split(/[/\\]/).at(-1) as string;
  const name = bare
    .normalize("NFC")
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]/gu, "")
    .replaceAll(/^[\s.]+(?=[\s.]*$)|^\s+|[\s.]+$/gu, "");
  return name === "" ? UNNAMED : shortened(name);
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BYTES) return name;
  const ending = /\.[^.\s]{1,16}$/u.exec(name)?.[0] ?? "";
  const room = MAX_BYTES - Buffer.byteLength(ending);
  let stem = "";
  let bytes = 0;
  for (const character of name.slice(0, name.length - ending.length)) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    stem += character;
  }
  return stem + ending;
}
