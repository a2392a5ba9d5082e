import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("queue_curl");
  server = await scene.start();
});
afterAll(() => scene.close());

/** The document's own commands, as printed. */
const SEND = `curl  -X  POST  -H  "Content-Type: application/json"  -d  '{"sender_id": "user123", "receiver_id": "user456", "content": "Hello, how are you?"}'  http://localhost:8080/api/v1/messages`;
const READ = `curl  -X  GET  "http://localhost:8080/api/v1/messages?user1=user123&user2=user456"`;
const READ_5 = `curl  -X  GET  "http://localhost:8080/api/v1/messages?user1=user123&user2=user456&limit=5"`;
const READ_20_10 = `curl  -X  GET  "http://localhost:8080/api/v1/messages?user1=user123&user2=user456&offset=20&limit=10"`;
const MARK = "curl  -X  PATCH  http://localhost:8080/api/v1/messages/{message_id}/read";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function run(command: string): Promise<string> {
  const here = command.replace("http://localhost:8080", server.url);
  return (await promisify(execFile)("sh", ["-c", `${here} --silent`])).stdout;
}

test.skipIf(spawnSync("curl", ["--version"]).status !== 0)(
  "the document's commands do what it prints, field by field and in its order",
  async () => {
    const ids: string[] = [];
    for (let i = 0; i < 26; i++) {
      const sent = JSON.parse(await run(SEND));
      expect(sent).toEqual({
        message: "Message queued for delivery",
        message_id: expect.stringMatching(UUID),
      });
      ids.unshift(sent.message_id);
    }
    expect(new Set(ids).size).toBe(26);

    const text = await run(READ);
    expect(text).toMatch(
      /^\{"data":\[\{"message_id":"[^"]*","sender_id":"user123","receiver_id":"user456","content":"Hello, how are you\?","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","read":false,/,
    );
    const idsOf = ({ data }: { data: { message_id: string }[] }) => data.map((message) => message.message_id);
    const first = JSON.parse(text);
    expect(idsOf(first)).toEqual(ids.slice(0, 20));
    expect(first.pagination).toEqual({ total_count: 26, has_more: true, offset: 0, limit: 20 });
    const five = JSON.parse(await run(READ_5));
    expect(idsOf(five)).toEqual(ids.slice(0, 5));
    expect(five.pagination).toEqual({ total_count: 26, has_more: true, offset: 0, limit: 5 });
    const rest = JSON.parse(await run(READ_20_10));
    expect(idsOf(rest)).toEqual(ids.slice(20));
    expect(rest.pagination).toEqual({ total_count: 26, has_more: false, offset: 20, limit: 10 });

    const mark = MARK.replace("{message_id}", ids[1] as string);
    for (let i = 0; i < 2; i++) expect(await run(mark)).toBe('{"status":"read"}');
    const after = JSON.parse(await run(READ_5));
    expect(after.data.map((message: { read: boolean }) => message.read)).toEqual([
      false,
      true,
      false,
      false,
      false,
    ]);
  },
);
