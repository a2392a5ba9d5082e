/**
 * The header that names a file to be saved (RFC 6266): a plain name for old clients, and the whole in UTF-8 (RFC 8187)
 * where the plain one is not it. Whatever the name holds, the header stays one.
 */
export function contentDisposition(how: "inline" | "attachment", fileName: string): string {
  const whole = fileName.toWellFormed();
  const plain = whole.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  if (plain === whole) return `${how}; filename="${plain}"`;
  const encoded = encodeURIComponent(whole).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${how}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
