import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { openApi, personOf, say } from "./support/api.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("stomp_curl");
  server = await scene.start();
});
afterAll(() => scene.close());

/** The document's own commands, as printed: in a new database its ids are there. */
const DIRECT = `curl -X POST http://localhost:1337/api/chat/conversations/direct/2 \\
-H "Authorization: Bearer $JWT"`;
const GROUP = `curl -X POST http://localhost:1337/api/chat/conversations \\
-H "Authorization: Bearer $JWT" \\
-H "Content-Type: application/json" \\
-d '{
"name": "Project Team",
"description": "Discussion for Project X",
"participantIds": [2, 3, 4],
"allowReactions": true,
"allowReplies": true,
"allowFileUploads": true
}'`;
const REPLY = `curl -X POST http://localhost:1337/api/chat/conversations/1/messages \\
-H "Authorization: Bearer $JWT" \\
-H "Content-Type: application/json" \\
-d '{
"content": "I agree with this point",
"parentMessageId": 5
}'`;
const TOGGLE = `curl -X POST http://localhost:1337/api/chat/messages/1/reactions/toggle \\
-H "Authorization: Bearer $JWT" \\
-H "Content-Type: application/json" \\
-d '{"emoji": "👍"}'`;
const NEWEST = `curl "http://localhost:1337/api/chat/conversations/1/messages?limit=50"`;
const OLDER = `curl "http://localhost:1337/api/chat/conversations/1/messages?before=100&limit=50"`;
const NEWER = `curl "http://localhost:1337/api/chat/conversations/1/messages?after=100&limit=50"`;

test.skipIf(spawnSync("curl", ["--version"]).status !== 0)(
  "the document's commands do what it says",
  async () => {
    const api = await openApi(server);
    const john = await personOf(server, api, "1", "John Doe");
    const run = async (command: string, more = "") => {
      const here = command.replace("http://localhost:1337", server.url);
      const env = { ...process.env, JWT: john.token };
      const { stdout } = await promisify(execFile)("sh", ["-c", `${here} --silent ${more}`], { env });
      return JSON.parse(stdout);
    };

    expect(await run(DIRECT)).toMatchObject({
      success: true,
      data: { id: 1, type: "DIRECT", participants: [{ userId: 1, userName: "John Doe" }, { userId: 2 }] },
      error: null,
    });
    expect((await run(DIRECT)).data.id).toBe(1);
    expect((await run(GROUP)).data).toMatchObject({
      type: "GROUP",
      name: "Project Team",
      description: "Discussion for Project X",
      participantCount: 4,
      allowReactions: true,
    });
    for (let i = 1; i <= 104; i++) expect((await say(john, 1, `m${i}`)).id).toBe(i);
    expect((await run(REPLY)).data).toMatchObject({
      id: 105,
      conversationId: 1,
      content: "I agree with this point",
      senderId: 1,
      senderName: "John Doe",
      parentMessageId: 5,
      parentMessage: { content: "m5" },
    });
    expect((await run(TOGGLE)).data).toMatchObject({ messageId: 1, added: true, summary: { "👍": 1 } });
    expect((await run(TOGGLE)).data).toMatchObject({ added: false, summary: {} });

    // It prints no token with these, and says that REST needs one.
    const refused = { success: false, error: expect.any(String), data: null };
    for (const command of [NEWEST, OLDER, NEWER]) expect(await run(command)).toEqual(refused);
    const read = async (command: string) => {
      const { data, hasMore } = await run(command, '-H "Authorization: Bearer $JWT"');
      return [data.length, data[0].id, data.at(-1).id, hasMore];
    };
    expect(await read(NEWEST)).toEqual([50, 56, 105, true]);
    expect(await read(OLDER)).toEqual([50, 50, 99, true]);
    expect(await read(NEWER)).toEqual([5, 101, 105, false]);
  },
);
