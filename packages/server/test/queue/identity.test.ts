import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";
const PATH = "/api/v1/messages";

let scene: Scene;
let open: ServerProcess;
let closed: ServerProcess;
beforeAll(async () => {
  scene = await openScene("queue_identity");
  open = await scene.start({ RATE_LIMIT_MESSAGES: "2" });
  closed = await scene.start({ JWT_SECRET: SECRET });
});
afterAll(() => scene.close());

const token = (sub: string, more: object = {}): Promise<string> =>
  new SignJWT({ ...more })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
const bearer = async (sub: string, more: object = {}) => ({
  authorization: `Bearer ${await token(sub, more)}`,
});
const message = (sender_id: string, receiver_id: string) => ({ sender_id, receiver_id, content: "x" });
const SERVICE = { scope: "parlance:service" };
const REFUSED = { error: expect.any(String) };

describe("in jwt mode", () => {
  test("one posts as oneself, with the token in any of its places", async () => {
    const body = message("ann", "bob");
    const headers = await bearer("ann");
    expect((await closed.request(PATH, { body, headers })).status).toBe(202);
    for (const name of ["token", "access_token"]) {
      expect((await closed.request(`${PATH}?${name}=${await token("ann")}`, { body })).status).toBe(202);
    }
    const foreign = await closed.request(PATH, { body: message("bob", "ann"), headers });
    expect([foreign.status, foreign.body]).toEqual([403, REFUSED]);
    const none = await closed.request(PATH, { body });
    expect([none.status, none.body, none.headers.get("www-authenticate")]).toEqual([401, REFUSED, "Bearer"]);
    const bad = await closed.request(PATH, { body, headers: { authorization: "Bearer x.y.z" } });
    expect([bad.status, bad.body]).toEqual([401, REFUSED]);
  });

  test("one reads and marks what is one's own; another's is as if it were not there", async () => {
    const [ann, bob, cyd] = [await bearer("ann"), await bearer("bob"), await bearer("cyd")];
    const { body } = await closed.request(PATH, { body: message("ann", "bob"), headers: ann });
    const page = `${PATH}?user1=ann&user2=bob`;
    for (const headers of [ann, bob])
      expect((await closed.request(page, { headers })).body.data[0].message_id).toBe(body.message_id);
    const foreign = await closed.request(page, { headers: cyd });
    const nobodys = await closed.request(`${PATH}?user1=ann&user2=nobody`, { headers: cyd });
    expect([foreign.status, foreign.body]).toEqual([404, REFUSED]);
    expect([nobodys.status, nobodys.body]).toEqual([foreign.status, foreign.body]);
    expect((await closed.request(page)).status).toBe(401);

    const mark = (headers: Record<string, string>, id = body.message_id) =>
      closed.request(`${PATH}/${id}/read`, { method: "PATCH", headers });
    const unknown = await mark(cyd, "7644316f-c6ca-47ad-af72-4d7ce36363ba");
    const outsider = await mark(cyd);
    expect([outsider.status, outsider.body]).toEqual([404, unknown.body]);
    expect((await mark(ann)).status).toBe(403);
    expect((await mark({})).status).toBe(401);
    expect((await closed.request(page, { headers: ann })).body.data[0].read).toBe(false);
    expect((await mark(bob)).status).toBe(200);
    expect((await closed.request(page, { headers: ann })).body.data[0].read).toBe(true);
  });

  test("a service posts as whom it names, reads anybody's and marks as the receiver", async () => {
    const headers = await bearer("backend", SERVICE);
    const { status, body } = await closed.request(PATH, { body: message("eve", "fay"), headers });
    expect(status).toBe(202);
    const marked = await closed.request(`${PATH}/${body.message_id}/read`, { method: "PATCH", headers });
    expect(marked.status).toBe(200);
    const page = await closed.request(`${PATH}?user1=eve&user2=fay`, { headers });
    expect(page.body.data).toMatchObject([{ message_id: body.message_id, read: true }]);
    const acting = { ...headers, "x-user-id": "eve" };
    expect((await closed.request(PATH, { body: message("fay", "eve"), headers: acting })).status).toBe(403);
  });
});

describe("in open mode", () => {
  test("the sender is whom the body names, unless the request has identified as another", async () => {
    const other = { "x-user-id": "other" };
    const refused = await open.request(PATH, { body: message("ann", "bob"), headers: other });
    expect([refused.status, refused.body]).toEqual([403, REFUSED]);
    expect((await open.request(`${PATH}?user_id=other`, { body: message("ann", "bob") })).status).toBe(403);
    expect((await open.request(`${PATH}?user1=ann&user2=bob`, { headers: other })).status).toBe(404);
  });

  test("the limit of messages is the sender's, and said with when to come again; a repeat of a key is free", async () => {
    const send = (key: string) =>
      open.request(PATH, { body: message("lim", "lim"), headers: { "idempotency-key": key } });
    // To open the conversation costs one of the two.
    const first = await send("k");
    expect(first.status).toBe(202);
    const over = await send("k2");
    expect([over.status, over.body]).toEqual([429, REFUSED]);
    expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await send("k")).body).toEqual(first.body);
  });
});

test("where nothing can be stored the answer is 503 with when to come again, and nothing was accepted", async () => {
  await using own = await openScene("queue_down");
  const server = await own.start({ WRITER_MAX_QUEUED: "1" });
  const sending = Array.from({ length: 60 }, (_, i) =>
    server.request(PATH, { body: message(`s${i % 20}`, `r${i % 20}`) }),
  );
  const answers = await Promise.all(sending);
  const refused = answers.filter(({ status }) => status !== 202);
  expect(refused.length).toBeGreaterThan(0);
  for (const { status, body, headers } of refused) {
    expect([status, body]).toEqual([503, REFUSED]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  }
  let stored = 0;
  for (let i = 0; i < 20; i++) {
    stored += (await server.request(`${PATH}?user1=s${i}&user2=r${i}`)).body.pagination.total_count;
  }
  expect(stored).toBe(answers.length - refused.length);
});
