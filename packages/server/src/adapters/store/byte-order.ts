/**
 * The order of `collate "C"`, in which rows are locked: by UTF-8 bytes. That of code units is the same but for what
 * is beyond U+FFFF, whose halves stand before U+E000.
 */
export function inByteOrder(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const SURROGATE = /[\ud800-\udfff]/;
