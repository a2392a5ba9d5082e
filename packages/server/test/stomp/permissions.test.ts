import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene } from "../support/server.ts";
import { type Api, openApi, type Person, personWith } from "./support/api.ts";

const SECRET = "n4Xw8TqLz0VbYc6RfJ2sHk9GpMdE5aUo3iQv";

/** Who asks. A service acts for nobody here; where it names a user it is answered as that user is. */
const ROLES = ["outsider", "removed", "member", "admin", "owner", "service"] as const;
type Role = (typeof ROLES)[number];
type Statuses = Readonly<Record<Role, number>>;

/** A group of people of each role, with a message of somebody else's that has a file. */
interface Place {
  readonly conversation: number;
  readonly message: number;
  readonly file: string;
}
interface Entry {
  /** As text: the same wherever one is. */
  readonly path: string | ((place: Place) => string);
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly statuses: Statuses;
}

const statuses = (
  outsider: number,
  removed: number,
  member: number,
  admin: number,
  owner: number,
  service: number,
): Statuses => ({ outsider, removed, member, admin, owner, service });

/** Conversations that are not one's own are 403, messages and files 404; who is nobody has nothing of its own. */
const TAKES_PART = statuses(403, 403, 200, 200, 200, 401);
const READS = statuses(403, 403, 200, 200, 200, 200);
const MAY_SEE = statuses(404, 404, 200, 200, 200, 200);
const OF_A_MESSAGE = statuses(404, 404, 200, 200, 200, 401);
const GOVERNS = statuses(403, 403, 403, 200, 200, 401);
const anybody = (status: number, service = 401) => statuses(status, status, status, status, status, service);

const at = (suffix: string) => (place: Place) => `/conversations/${place.conversation}${suffix}`;
const on = (suffix: string) => (place: Place) => `/messages/${place.message}${suffix}`;

const TABLE: Readonly<Record<string, Entry>> = {
  "GET /conversations": { path: "/conversations", statuses: anybody(200) },
  "GET /conversations/pinned": { path: "/conversations/pinned", statuses: anybody(200) },
  "GET /conversations/search": { path: "/conversations/search?query=g", statuses: anybody(200) },
  "GET /conversations/unread": { path: "/conversations/unread", statuses: anybody(200) },
  "POST /conversations": { path: "/conversations", body: { name: "g" }, statuses: anybody(201) },
  "POST /conversations/direct/{userId}": {
    path: (place) => `/conversations/direct/new-${place.conversation}`,
    statuses: anybody(201),
  },
  "GET /conversations/{id}": { path: at(""), statuses: TAKES_PART },
  "PUT /conversations/{id}": { path: at(""), body: { name: "new" }, statuses: GOVERNS },
  // Whether one may leave, or delete it for everyone: see below.
  "DELETE /conversations/{id}": { path: at(""), statuses: statuses(403, 403, 200, 200, 409, 401) },

  "GET /conversations/{id}/participants": { path: at("/participants"), statuses: READS },
  "POST /conversations/{id}/participants": {
    path: at("/participants"),
    body: { userIds: ["new"] },
    statuses: statuses(403, 403, 403, 201, 201, 401),
  },
  "PUT /conversations/{id}/participants/{userId}": {
    path: at("/participants/author"),
    body: { role: "ADMIN" },
    statuses: statuses(403, 403, 403, 403, 200, 401),
  },
  "DELETE /conversations/{id}/participants/{userId}": { path: at("/participants/author"), statuses: GOVERNS },
  "PUT /conversations/{id}/mute": { path: at("/mute?muted=true"), statuses: TAKES_PART },
  "PUT /conversations/{id}/pin": { path: at("/pin?pinned=true"), statuses: TAKES_PART },
  "PUT /conversations/{id}/archive": { path: at("/archive?archived=true"), statuses: TAKES_PART },
  "PUT /conversations/{id}/notifications": { path: at("/notifications?level=none"), statuses: TAKES_PART },

  "POST /conversations/{id}/read": { path: at("/read"), statuses: TAKES_PART },
  "PUT /conversations/{id}/unread": {
    path: at("/unread"),
    body: "the message",
    statuses: TAKES_PART,
  },
  "GET /messages/{id}/read-receipts": { path: on("/read-receipts"), statuses: MAY_SEE },

  "GET /conversations/{id}/messages": { path: at("/messages"), statuses: READS },
  "POST /conversations/{id}/messages": {
    path: at("/messages"),
    body: { content: "x" },
    statuses: statuses(403, 403, 201, 201, 201, 401),
  },
  // Of another's message.
  "PUT /messages/{id}": {
    path: on(""),
    body: { content: "x" },
    statuses: statuses(404, 404, 403, 403, 403, 401),
  },
  "DELETE /messages/{id}": { path: on(""), statuses: statuses(404, 404, 403, 200, 200, 401) },
  "GET /messages/{id}/thread": { path: on("/thread"), statuses: MAY_SEE },
  "GET /messages/{id}/history": { path: on("/history"), statuses: MAY_SEE },
  "POST /messages/{id}/pin": { path: on("/pin"), statuses: statuses(404, 404, 403, 200, 200, 401) },
  "DELETE /messages/{id}/pin": { path: on("/pin"), statuses: statuses(404, 404, 403, 200, 200, 401) },
  "GET /conversations/{id}/pins": { path: at("/pins"), statuses: READS },
  "GET /search": { path: "/search?query=x", statuses: anybody(200) },
  "GET /conversations/{id}/messages/search": { path: at("/messages/search?query=x"), statuses: READS },
  "GET /conversations/{id}/attachments": { path: at("/attachments"), statuses: READS },

  "GET /messages/{id}/reactions": { path: on("/reactions"), statuses: MAY_SEE },
  "GET /messages/{id}/reactions/summary": { path: on("/reactions/summary"), statuses: MAY_SEE },
  "POST /messages/{id}/reactions": {
    path: on("/reactions"),
    body: { emoji: "👍" },
    statuses: statuses(404, 404, 201, 201, 201, 401),
  },
  "POST /messages/{id}/reactions/toggle": {
    path: on("/reactions/toggle"),
    body: { emoji: "👍" },
    statuses: OF_A_MESSAGE,
  },
  "DELETE /messages/{id}/reactions/{emoji}": { path: on("/reactions/%F0%9F%91%8D"), statuses: OF_A_MESSAGE },

  "POST /attachments": {
    path: "/attachments",
    body: "plain",
    headers: { "content-type": "text/plain", "x-file-name": "a.txt" },
    statuses: anybody(201),
  },
  "GET /attachments/{id}": { path: (place) => `/attachments/${place.file}`, statuses: MAY_SEE },
  "GET /attachments/{id}/link": {
    path: (place) => `/attachments/${place.file}/link`,
    statuses: OF_A_MESSAGE,
  },
  // It is a text: who may have it is told that it has no picture.
  "GET /attachments/{id}/thumbnail": {
    path: (place) => `/attachments/${place.file}/thumbnail`,
    statuses: anybody(404, 404),
  },

  // What others see of one another is held in rest-people.test.ts: here everybody gets an answer.
  "GET /presence": { path: "/presence", statuses: anybody(200) },
  "GET /presence/{userId}": { path: "/presence/author", statuses: anybody(200, 200) },
  "POST /presence/users": {
    path: "/presence/users",
    body: { userIds: ["author"] },
    statuses: anybody(200, 200),
  },
  "PUT /presence/status": {
    path: "/presence/status",
    body: { status: "ONLINE" },
    statuses: anybody(200),
  },
  "GET /users/me": { path: "/users/me", statuses: anybody(200) },
  "GET /users": { path: "/users", statuses: anybody(200, 200) },
  "PUT /users/me": { path: "/users/me", body: {}, statuses: anybody(200) },
  "GET /users/blocked": { path: "/users/blocked", statuses: anybody(200) },
  "POST /users/{id}/block": { path: "/users/nobody/block", statuses: anybody(200) },
  "DELETE /users/{id}/block": { path: "/users/nobody/block", statuses: anybody(200) },

  // A service's that speaks for itself; here there are none yet but those that are made.
  "GET /webhooks": { path: "/webhooks", statuses: anybody(403, 200) },
  "POST /webhooks": {
    path: "/webhooks",
    body: { url: "https://93.184.215.14/", events: ["chat_conversation.updated"] },
    statuses: anybody(403, 201),
  },
  "PUT /webhooks/{id}": { path: "/webhooks/999999", body: {}, statuses: anybody(403, 404) },
  "DELETE /webhooks/{id}": { path: "/webhooks/999999", statuses: anybody(403, 404) },
  "GET /webhooks/{id}/deliveries": {
    path: "/webhooks/999999/deliveries",
    statuses: anybody(403, 404),
  },
  "POST /webhooks/deliveries/{deliveryId}/replay": {
    path: "/webhooks/deliveries/1-999999/replay",
    statuses: anybody(403, 404),
  },
  "POST /webhooks/{webhookId}/deliveries/{deliveryId}/replay": {
    path: "/webhooks/1/deliveries/1-999999/replay",
    statuses: anybody(403, 404),
  },
};

let scene: Scene;
let api: Api;
const people = new Map<string, Person>();
/** Nothing changes it. */
let shared: Place;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims: object, seconds = 3600): string {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}
const SERVICE = { sub: "backend", scope: "parlance:service" };

beforeAll(async () => {
  scene = await openScene("stomp_permissions");
  const server = await scene.start({
    JWT_SECRET: SECRET,
    RATE_LIMIT_MESSAGES: "off",
    RATE_LIMIT_REACTIONS: "off",
    RATE_LIMIT_UPLOADS: "off",
  });
  api = await openApi(server, sign({ sub: "reader" }));
  for (const id of ["outsider", "removed", "member", "admin", "owner", "author"]) {
    people.set(id, personWith(api, id, sign({ sub: id })));
  }
  people.set("service", personWith(api, "service", sign(SERVICE)));
  const headers = { "content-type": "text/plain", "x-file-name": "a.txt" };
  const file = await person("author").post("/attachments", "plain", headers);
  shared = await makePlace(file.body.data.id);
});
afterAll(() => scene.close());

const person = (id: string): Person => people.get(id) as Person;

async function makePlace(file: string | null = null): Promise<Place> {
  const participantIds = ["admin", "member", "removed", "author"];
  const made = await person("owner").post("/conversations", { name: "g", participantIds });
  const conversation = made.body.data.id;
  const message = { content: "x", ...(file !== null && { attachmentIds: [file] }) };
  const [said] = await Promise.all([
    person("author").post(`/conversations/${conversation}/messages`, message),
    person("owner").put(`/conversations/${conversation}/participants/admin`, { role: "ADMIN" }),
    person("owner").delete(`/conversations/${conversation}/participants/removed`),
  ]);
  return { conversation, message: said.body.data.id, file: file ?? "none" };
}

async function ask(
  operation: string,
  place: Place,
  token: string | null,
  more: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { path, body, headers } = TABLE[operation] as Entry;
  const where = typeof path === "string" ? path : path(place);
  const { status } = await api.call(operation.split(" ")[0] as string, `/api/chat${where}`, {
    ...(token !== null && { token }),
    body: body === "the message" ? { messageId: place.message } : body,
    headers: { ...headers, ...more },
  });
  return status;
}

/** One of its own for whatever changes it; what only reads, or is refused, leaves a place as it was. */
async function placeFor(operation: string, expected: number): Promise<Place> {
  const changes = !operation.startsWith("GET ") && expected < 300;
  return changes && typeof TABLE[operation]?.path === "function" ? await makePlace() : shared;
}

test("the table has every operation there is, and no other", () => {
  const known = api.operations.map((operation) => operation.replace("/api/chat", ""));
  expect(Object.keys(TABLE).toSorted()).toEqual(known.toSorted());
});

describe.concurrent.each(Object.keys(TABLE))("%s", (operation) => {
  test("is answered to each as the table says, and to a service that names somebody as to them", async () => {
    const expected = (TABLE[operation] as Entry).statuses;
    const asked = async (role: Role) =>
      ask(operation, await placeFor(operation, expected[role]), person(role).token);
    const found = Object.fromEntries(
      await Promise.all(ROLES.map(async (role) => [role, await asked(role)] as const)),
    );
    expect(found).toEqual(expected);
    const token = person("service").token;
    for (const role of ["outsider", "member"] as const) {
      const place = await placeFor(operation, expected[role]);
      expect(await ask(operation, place, token, { "x-user-id": role }), `a service as ${role}`).toBe(
        expected[role],
      );
    }
  });

  test("without a token, with one that has ended, and with another's signature it is 401, whatever else it says", async () => {
    const forged = `${sign({ sub: "owner" }).split(".").slice(0, 2).join(".")}.${"A".repeat(43)}`;
    const found = await Promise.all([
      ask(operation, shared, null),
      ask(operation, shared, null, { "x-user-id": "owner" }),
      ask(operation, shared, sign({ sub: "owner" }, -10)),
      ask(operation, shared, forged),
    ]);
    expect(found).toEqual([401, 401, 401, 401]);
  });
});

test("deleting for everyone is the owners', whoever else may leave", async () => {
  const found: Partial<Record<Role, number>> = {};
  for (const role of ROLES) {
    const { conversation } = await makePlace();
    found[role] = (await person(role).delete(`/conversations/${conversation}?forEveryone=true`)).status;
  }
  expect(found).toEqual(statuses(403, 403, 403, 403, 200, 401));
});

test("authors edit and delete their own; admins remove members, and neither one another nor owners", async () => {
  const { conversation, message } = await makePlace();
  expect((await person("author").put(`/messages/${message}`, { content: "y" })).status).toBe(200);
  expect((await person("author").delete(`/messages/${message}`)).status).toBe(200);
  await person("owner").put(`/conversations/${conversation}/participants/author`, { role: "ADMIN" });
  for (const id of ["author", "owner"]) {
    const removed = await person("admin").delete(`/conversations/${conversation}/participants/${id}`);
    expect(removed.status, id).toBe(403);
  }
});

test("a token speaks for its own user alone", async () => {
  const { conversation } = await makePlace();
  const as = (query: string) => person("member").get(`/conversations/${conversation}${query}`);
  expect([(await as("?user_id=owner")).status, (await as("?user_id=member")).status]).toEqual([403, 200]);
});
