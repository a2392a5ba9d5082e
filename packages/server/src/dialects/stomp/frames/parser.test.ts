import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBody, encodeFrame, headerLine } from "./encode.ts";
import { type Frame, FrameParser } from "./parser.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type StompVersion, VERSIONS } from "./version.ts";

const LIMITS = { maxHeadBytes: 2_048, maxHeaders: 16, maxBodyBytes: 4_096 };

function parserOf(version: StompVersion): FrameParser {
  const parser = new FrameParser(LIMITS);
  parser.version = version;
  return parser;
}

function drain(parser: FrameParser): Frame[] {
  const frames: Frame[] = [];
  for (let frame = parser.next(); frame !== null; frame = parser.next()) frames.push(frame);
  return frames;
}

function parse(version: StompVersion, ...chunks: (string | Buffer)[]): Frame[] {
  const parser = parserOf(version);
  return chunks.flatMap((chunk) => {
    parser.add(Buffer.from(chunk as string));
    return drain(parser);
  });
}

/** What it comes to: frames as plain values, and the refusal that ends them, if one does. */
function outcome(version: StompVersion, chunks: readonly Buffer[]): unknown[] {
  const parser = parserOf(version);
  const seen: unknown[] = [];
  try {
    for (const chunk of chunks) {
      parser.add(chunk);
      for (let frame = parser.next(); frame !== null; frame = parser.next()) {
        seen.push([frame.command, [...frame.headers], frame.body.toString()]);
      }
    }
  } catch (error) {
    seen.push((error as ProtocolError).message);
  }
  return seen;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const marks = [0, ...at.map((mark) => mark % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return marks.slice(1).map((mark, i) => bytes.subarray(marks[i], mark));
}

const wellFormed = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => text.isWellFormed());
const headerText = (version: StompVersion) =>
  wellFormed
    .map((text) => text.replaceAll("\0", ""))
    // A value of 1.0 cannot hold a line's end, a name no colon; 1.2 takes a carriage return only with its escape.
    .map((text) => (version === "1.0" ? text.replace(/[\n:]/g, "") : text));

const frameOf = (version: StompVersion) =>
  fc.record({
    headers: fc.uniqueArray(
      fc.tuple(
        headerText(version).filter((name) => name !== ""),
        headerText(version),
      ),
      {
        selector: ([name]) => name,
        maxLength: 5,
      },
    ),
    body: fc.option(wellFormed, { nil: undefined }),
  });

const versions = fc.constantFrom(...VERSIONS);
/** Bytes that look like frames often enough to get far. */
const nearlyFrames = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "SEND",
        "CONNECT",
        "\n",
        "\n\n",
        "\r\n",
        "\0",
        ":",
        "\\",
        "\\c",
        "\\t",
        "a:b\n",
        "content-length:",
      ),
      fc.constantFrom("3", "0", "-1", "destination:/a\n", "SEND\n\nbody\0", "SEND\ncontent-length:1\n\n\0\0"),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

describe("any chunking gives the same frames", () => {
  test("of bytes that are mostly not frames", () => {
    fc.assert(
      fc.property(versions, nearlyFrames, fc.array(fc.nat(), { maxLength: 20 }), (version, bytes, marks) => {
        const whole = outcome(version, [bytes]);
        expect(outcome(version, cut(bytes, marks))).toEqual(whole);
        expect(
          outcome(
            version,
            [...bytes].map((byte) => Buffer.from([byte])),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 2_000 },
    );
  });

  test("of frames between heart-beats, and all say what was encoded", () => {
    const cases = versions.chain((version) =>
      fc.tuple(
        fc.constant(version),
        fc.array(frameOf(version), { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
      ),
    );
    fc.assert(
      fc.property(cases, ([version, frames, marks]) => {
        const text = frames.map(
          ({ headers, body }) => `\n${encodeFrame(version, "MESSAGE", headers, body)}\n\n`,
        );
        const bytes = Buffer.from(text.join(""));
        const expected = frames.map(({ headers, body }) => [
          "MESSAGE",
          ...[...headers.filter(([name]) => name !== "content-length")],
          body ?? "",
        ]);
        for (const chunks of [[bytes], cut(bytes, marks)]) {
          const parser = parserOf(version);
          const seen = chunks.flatMap((chunk) => {
            parser.add(chunk);
            return drain(parser);
          });
          expect(
            seen.map(({ command, headers, body }) => [
              command,
              ...[...headers].filter(([name]) => name !== "content-length"),
              body.toString(),
            ]),
          ).toEqual(expected);
          expect(parser.isInside).toBe(false);
          expect(parser.waiting).toBe(0);
        }
      }),
    );
  });
});

describe("versions", () => {
  const SPECIAL = "a:b\\c\\nd";
  test.each([
    ["1.0", "x:a:b\\c\\nd\n"],
    ["1.1", "x:a\\cb\\\\c\\\\nd\n"],
    ["1.2", "x:a\\cb\\\\c\\\\nd\n"],
  ] as const)("%s writes and reads a value with everything in it", (version, line) => {
    expect(headerLine(version, "x", SPECIAL)).toBe(line);
    expect(parse(version, `SEND\n${line}\n\0`)[0]?.headers.get("x")).toBe(SPECIAL);
  });

  test("line ends inside a value: said in 1.1 and 1.2, a blank in 1.0", () => {
    expect(VERSIONS.map((version) => headerLine(version, "x", "a\r\nb"))).toEqual([
      "x:a\\r\\nb\n",
      "x:a\r\\nb\n",
      "x:a\r b\n",
    ]);
  });

  test("CONNECT and STOMP are not unescaped, SEND is", () => {
    for (const command of ["CONNECT", "STOMP"]) {
      expect(parse("1.2", `${command}\npasscode:a\\tb:c\n\n\0`)[0]?.headers.get("passcode")).toBe("a\\tb:c");
    }
    expect(() => parse("1.2", "SEND\npasscode:a\\tb\n\n\0")).toThrow("escape");
  });

  test("carriage returns end lines in 1.2 and belong to the value before", () => {
    const [frame] = parse("1.2", "SEND\r\nx: 1 \r\n\r\nbody\0\r\n\r\n");
    expect([frame?.command, frame?.headers.get("x"), frame?.body.toString()]).toEqual([
      "SEND",
      " 1 ",
      "body",
    ]);
    expect(parse("1.1", "SEND\nx:1\r\n\nbody\0")[0]?.headers.get("x")).toBe("1\r");
  });

  test("the version may change between two frames of one chunk", () => {
    const parser = parserOf("1.2");
    parser.add(Buffer.from("CONNECT\n\n\0SEND\nx:\\t\n\n\0"));
    expect(parser.next()?.command).toBe("CONNECT");
    parser.version = "1.0";
    expect(parser.next()?.headers.get("x")).toBe("\\t");
  });
});

describe("bodies", () => {
  test("end at the first NUL, or hold as many as content-length says", () => {
    expect(
      parse("1.2", "SEND\n\na\0SEND\ncontent-length:3\n\n\0b\0\0").map(({ body }) => body.toString()),
    ).toEqual(["a", "\0b\0"]);
  });

  test("the first of repeated headers counts, also of content-length and destination", () => {
    const [frame] = parse(
      "1.2",
      "SEND\ndestination:/a\ndestination:/b\ncontent-length:1\ncontent-length:9\n\nx\0",
    );
    expect(frame?.headers.get("destination")).toBe("/a");
    expect(frame?.body.toString()).toBe("x");
  });

  test("bytes of one character may come apart", () => {
    const bytes = Buffer.from(`SEND\nx:😀\n${encodeBody("😀")}`);
    const [frame] = parse("1.2", ...[...bytes].map((byte) => Buffer.from([byte])));
    expect([frame?.headers.get("x"), frame?.body.toString()]).toEqual(["😀", "😀"]);
  });
});

describe("what is refused", () => {
  const cases: readonly [string, string | Buffer, string][] = [
    ["content-length: a word", "SEND\ncontent-length:abc\n\n", "invalid"],
    ["content-length: negative", "SEND\ncontent-length:-1\n\n", "invalid"],
    ["content-length: an exponent", "SEND\ncontent-length:1e3\n\n", "invalid"],
    ["content-length: with blanks", "SEND\ncontent-length: 1\n\n", "invalid"],
    ["content-length: empty", "SEND\ncontent-length:\n\n", "invalid"],
    ["content-length: of 99,999,999,999", "SEND\ncontent-length:99999999999\n\n", "too_large"],
    ["content-length: over the limit by one", "SEND\ncontent-length:4097\n\n", "too_large"],
    ["content-length: shorter than the body", "SEND\ncontent-length:2\n\nabc\0", "invalid"],
    ["content-length: longer than the body", "SEND\ncontent-length:4\n\nabc\0SEND\n\n\0", "invalid"],
    ["a body without end", `SEND\n\n${"x".repeat(4_097)}`, "too_large"],
    ["a header line without end", `SEND\nx:${"x".repeat(2_048)}`, "too_large"],
    ["a command without end", "x".repeat(2_049), "too_large"],
    ["headers over the limit together", `SEND\n${`x:${"y".repeat(200)}\n`.repeat(11)}\n\0`, "too_large"],
    ["17 headers", `SEND\n${"x:y\n".repeat(17)}\n\0`, "too_large"],
    ["a header without colon", "SEND\nx\n\n\0", "invalid"],
    ["a header without name", "SEND\n:x\n\n\0", "invalid"],
    ["a NUL among the headers", "SEND\nx:y\0", "invalid"],
    ["a NUL among the headers of a frame that ends", "SEND\nx:\0y\n\n\0", "invalid"],
    ["headers that are not UTF-8", Buffer.from("SEND\nx:\xc3\x28\n\n\0", "latin1"), "invalid"],
    ["an escape at the very end", "SEND\nx:\\\n\n\0", "invalid"],
    ["an escaped tab", "SEND\nx:\\t\n\n\0", "invalid"],
    ["an escape in a name", "SEND\n\\x:y\n\n\0", "invalid"],
    ["a bare carriage return", "SEND\nx:a\rb\n\n\0", "invalid"],
  ];
  test.each(cases)("%s", (_, input, code) => {
    expect(() => parse("1.2", input)).toThrow(expect.objectContaining({ name: "ProtocolError", code }));
  });

  test("an escaped carriage return in 1.1", () => {
    expect(() => parse("1.1", "SEND\nx:\\r\n\n\0")).toThrow(ProtocolError);
  });

  test("what came whole before it is still taken", () => {
    const parser = parserOf("1.2");
    parser.add(Buffer.from("SEND\n\none\0SEND\nnonsense\n\n\0"));
    expect(parser.next()?.body.toString()).toBe("one");
    expect(() => parser.next()).toThrow(ProtocolError);
  });
});

describe("bounds", () => {
  test("the largest frame is taken, by single bytes too", () => {
    const head = `SEND\nx:${"y".repeat(2_040)}\n`;
    for (const rest of [`\n${"z".repeat(4_096)}\0`, `content-length:4096\n\n${"z".repeat(4_096)}\0`]) {
      const bytes = Buffer.from(`${rest.startsWith("c") ? "SEND\n" : head}${rest}`);
      expect(parse("1.2", ...[...bytes].map((byte) => Buffer.from([byte])))[0]?.body.length).toBe(4_096);
    }
  });

  test("heart-beats are not kept", () => {
    const parser = parserOf("1.2");
    for (let i = 0; i < 10; i++) {
      parser.add(Buffer.from("\n".repeat(1_000)));
      expect(parser.next()).toBe(null);
      expect([parser.waiting, parser.isInside]).toEqual([0, false]);
    }
  });

  test("a body of a million pieces is not copied a million times: that would be half a terabyte", () => {
    const parser = new FrameParser({ ...LIMITS, maxBodyBytes: 1_000_000 });
    parser.add(Buffer.from("SEND\n\n"));
    const piece = Buffer.from("x");
    for (let i = 0; i < 1_000_000; i++) {
      parser.add(piece);
      if (parser.next() !== null) throw new Error("ended early");
    }
    parser.add(Buffer.from([0]));
    expect(parser.next()?.body.length).toBe(1_000_000);
  });
});
