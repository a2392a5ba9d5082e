const ORIENTATION = 0x0112;
const MAX_ENTRIES = 512;

/** The orientation that a TIFF structure, which EXIF data is, gives in its first directory; 1 where it gives none. */
export function orientationOf(tiff: Buffer): number {
  try {
    const order = tiff.toString("latin1", 0, 2);
    const read16 = (at: number): number => (order === "II" ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
    const read32 = (at: number): number => (order === "II" ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
    if (order !== "II" && order !== "MM") return 1;
    const directory = read32(4);
    const entries = Math.min(read16(directory), MAX_ENTRIES);
    for (let i = 0; i < entries; i++) {
      const entry = directory + 2 + 12 * i;
      if (read16(entry) !== ORIENTATION) continue;
      const value = read16(entry + 8);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** EXIF data, as JPEG has it, that says how a picture is to be turned and nothing else. */
export function orientationOnly(orientation: number): Buffer {
  const segment = Buffer.alloc(36);
  segment.writeUInt16BE(0xffe1, 0);
  segment.writeUInt16BE(segment.length - 2, 2);
  segment.write("Exif\0\0II*\0", 4, "latin1");
  segment.writeUInt32LE(8, 14);
  segment.writeUInt16LE(1, 18);
  segment.writeUInt16LE(ORIENTATION, 20);
  segment.writeUInt16LE(3, 22);
  segment.writeUInt32LE(1, 24);
  segment.writeUInt16LE(orientation, 28);
  return segment;
}
