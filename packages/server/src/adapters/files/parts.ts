/**
 * No picture has so many segments or chunks: those of 8 KiB make 800 MB of them. A file of nothing else would hold up
 * everybody else for half a minute, and take some gigabytes of memory.
 */
const MAX_PARTS = 100_000;

/** To be called for each part that is looked at. Throws a RangeError when there are more than any picture has. */
export function countParts(): () => void {
  let left = MAX_PARTS;
  return () => {
    if (left-- === 0) throw new RangeError("too many parts");
  };
}
