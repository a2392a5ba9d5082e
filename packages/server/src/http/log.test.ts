import { expect, test } from "vitest";
import { createLog } from "./log.ts";

const CANARY = "canary-51c2";

function linesOf(pretty: boolean, write: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = [];
  write(createLog({ logLevel: "info" }, { write: (line) => lines.push(line) }, pretty));
  return lines;
}

test.each([false, true])("what must not be logged is not, wherever it stands (pretty: %s)", (pretty) => {
  const jwt = `eyJhbGciOiJIUzI1NiJ9.${CANARY}.${CANARY}`;
  const failure = Object.assign(new Error(`connect postgres://parlance:${CANARY}@db/x failed`), {
    detail: `Key (content)=(${CANARY}) exists`,
    parameters: [CANARY],
    cause: new Error(`Bearer ${CANARY}`),
  });
  const lines = linesOf(pretty, (log) => {
    log.info({ headers: { authorization: `Bearer ${CANARY}`, cookie: CANARY }, token: CANARY }, "headers");
    log.info({ url: `/ws?token=${CANARY}&user_id=alice`, other: `/x?a=1&access_token=${CANARY}` }, "urls");
    log.info({ url: `/api/chat/attachments/x?user=alice&signature=${CANARY}` }, "links");
    log.info({ databaseUrl: CANARY, config: { password: CANARY, jwtSecret: CANARY } }, "settings");
    log.info({ message: { id: 7, content: CANARY, metadata: { a: CANARY } } }, "content");
    log.info({ note: jwt }, `GET /ws?token=${CANARY} with ${jwt}`);
    log.error({ error: failure }, "failure");
    log.error({ err: failure }, "failure");
  });
  expect(lines).toHaveLength(8);
  expect(lines.filter((line) => line.includes(CANARY))).toEqual([]);
  expect(lines.join("")).toContain("user_id=alice");
  expect(lines.join("")).toContain("user=alice");
  expect(lines.join("")).toContain("connect postgres://[hidden]@db/x failed");
});

test("a line is one JSON object with a level in words, whatever is in it", () => {
  const [line] = linesOf(false, (log) => {
    log.debug({}, "not this");
    log.warn({ user: 'a\nb"}', at: 7n }, "a\nb");
  });
  expect(line?.indexOf("\n")).toBe(line!.length - 1);
  expect(JSON.parse(line!)).toMatchObject({ level: "warn", msg: "a\nb", user: 'a\nb"}', at: "7" });
});

test("a name cannot forge a second line for people", () => {
  const [line] = linesOf(true, (log) =>
    log.info({ name: "x\n12:00 ERROR y\u001b[2J" }, "joined\n\u001b[2Jforged"),
  );
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}joined\\n.*\n$/);
  expect(line).not.toContain("\u001b");
});
