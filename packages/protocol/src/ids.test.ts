import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type IdKind, isOurSpelling, readId, spellPrefixed, spellUuid } from "./ids.ts";

const KINDS: readonly IdKind[] = ["conversation", "message"];
const anyKind = fc.constantFrom(...KINDS);
/** Small ids and the far end are where an off-by-one would show; the sequences give out everything between. */
const anyId = fc.oneof(
  fc.integer({ min: 1, max: 5_000 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: Number.MAX_SAFE_INTEGER - 5_000, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1),
);

/**
 * Spellings lie in people's databases and bookmarks: these rows are never changed, only added to. If one
 * fails, the code is wrong.
 */
const GOLDEN: readonly (readonly [IdKind, number, prefixed: string, uuid: string])[] = [
  ["conversation", 1, "conv_1c", "00000001-7d00-839c-acc7-c000000085a9"],
  ["message", 1, "msg_1c", "00000001-e019-8cc4-a6b6-300000009c09"],
  ["conversation", 1001, "conv_1001s", "000003e9-8b93-8337-afe2-c00000002810"],
  ["message", 1042, "msg_1042w", "00000412-888d-8cea-a97d-3000000084ec"],
  ["message", 4_294_967_296, "msg_4294967296j", "00000000-5ff2-8f26-a987-30000001a3fa"],
  ["conversation", 123_456_789_012, "conv_123456789012n", "be991a14-d027-8f6a-a687-c000001c403f"],
  ["conversation", 9_007_199_254_740_991, "conv_9007199254740991n", "ffffffff-8569-863e-a1ea-c01fffff9522"],
  ["message", 9_007_199_254_740_991, "msg_9007199254740991n", "ffffffff-171b-8937-acea-301fffffbe80"],
];

describe("golden vectors", () => {
  test.each(GOLDEN)("%s %d is %s and %s", (kind, id, prefixed, uuid) => {
    expect([spellPrefixed(kind, id), spellUuid(kind, id)]).toEqual([prefixed, uuid]);
    for (const spelling of [id, String(id), prefixed, uuid, uuid.toUpperCase()]) {
      expect(readId(kind, spelling)).toBe(id);
    }
  });
});

describe("every id", () => {
  test("comes back from each of its spellings, as its own kind only", () => {
    fc.assert(
      fc.property(anyKind, anyId, (kind, id) => {
        const other = kind === "message" ? "conversation" : "message";
        for (const spelling of [spellPrefixed(kind, id), spellUuid(kind, id)]) {
          expect(readId(kind, spelling)).toBe(id);
          expect(readId(other, spelling)).toBe("unknown");
          expect(isOurSpelling(spelling)).toBe(true);
        }
        expect(readId(kind, String(id))).toBe(id);
        expect(spellUuid(kind, id)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  test("with one digit changed is no longer accepted", () => {
    const place = fc.nat({ max: 40 });
    fc.assert(
      fc.property(anyKind, anyId, place, fc.nat({ max: 14 }), (kind, id, at, by) => {
        const prefixed = spellPrefixed(kind, id);
        const digitAt = prefixed.indexOf("_") + 1 + (at % String(id).length);
        expect(readId(kind, withDigit(prefixed, digitAt, 10, 1 + (by % 9)))).toBe("unknown");

        const uuid = spellUuid(kind, id);
        const hexAt = uuid[at % 36] === "-" ? (at % 36) + 1 : at % 36;
        expect(readId(kind, withDigit(uuid, hexAt, 16, 1 + by))).toBe("unknown");
      }),
    );
  });

  test("with two digits swapped, next to each other or not, is no longer accepted", () => {
    fc.assert(
      fc.property(anyKind, anyId, fc.nat({ max: 15 }), fc.nat({ max: 15 }), (kind, id, i, j) => {
        const digits = String(id);
        const [a, b] = [i % digits.length, j % digits.length];
        fc.pre(digits[a] !== digits[b]);
        const swapped = [...digits];
        [swapped[a], swapped[b]] = [digits[b] as string, digits[a] as string];
        const prefixed = spellPrefixed(kind, id);
        expect(readId(kind, prefixed.replace(digits, swapped.join("")))).toBe("unknown");
      }),
    );
  });
});

describe("what is not ours", () => {
  test.each([
    ["conversation", "conv_abc123"],
    ["message", "msg_xyz789"],
    ["message", "msg_abc456"],
    ["conversation", "7644316f-c6ca-47ad-af72-4d7ce36363ba"],
    ["message", "7644316f-c6ca-47ad-af72-4d7ce36363ba"],
    ["message", "00000000-0000-0000-0000-000000000000"],
    ["message", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    ["message", "conv_abc123"],
  ] as const)("as a %s, %s is unknown and not malformed", (kind, spelling) => {
    expect(readId(kind, spelling)).toBe("unknown");
    expect(isOurSpelling(spelling)).toBe(false);
  });

  test.each([
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    "",
    "0",
    "01",
    "-1",
    "+1",
    "1.0",
    "1e3",
    " 1",
    "1\n",
    "9007199254740992",
    "9".repeat(16),
    "1".repeat(65),
    "conv_",
    "msg_",
    "chat_5",
    "٣",
    "abc",
    null,
    undefined,
    true,
    {},
    [1],
  ])("%j is malformed", (spelling) => {
    for (const kind of KINDS) expect(readId(kind, spelling)).toBe("malformed");
  });

  test("leading zeros, signs and another case of a prefixed spelling are not accepted", () => {
    const good = spellPrefixed("message", 1042);
    for (const bad of [good.replace("1042", "01042"), good.replace("1042", "+1042"), good.toUpperCase()]) {
      expect(typeof readId("message", bad)).toBe("string");
    }
  });

  test("nothing that is accepted lies outside 1 to 2^53 - 1", () => {
    const digits = fc.stringMatching(/^[0-9]{1,20}$/);
    const spelling = fc.oneof(
      fc.anything(),
      digits,
      fc
        .tuple(fc.constantFrom("conv_", "msg_"), digits, fc.constantFrom(..."bcdfghjkmnpqrstvwxz"))
        .map((t) => t.join("")),
      fc.uuid(),
    );
    fc.assert(
      fc.property(anyKind, spelling, (kind, any) => {
        const id = readId(kind, any);
        if (typeof id === "number") expect(Number.isSafeInteger(id) && id > 0).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a UUID made by anybody else names nothing", () => {
    fc.assert(
      fc.property(anyKind, fc.uuid(), (kind, uuid) => {
        expect(readId(kind, uuid)).toBe("unknown");
      }),
      { numRuns: 1_000 },
    );
  });
});

function withDigit(text: string, at: number, base: number, by: number): string {
  const digit = (Number.parseInt(text[at] as string, base) + by) % base;
  return text.slice(0, at) + digit.toString(base) + text.slice(at + 1);
}
