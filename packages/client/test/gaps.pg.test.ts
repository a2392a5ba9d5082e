import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { openLossyProxy } from "./support/lossy-proxy.ts";
import { live, nextEvent, person, stopClients, when } from "./support/people.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("client_gaps");
  server = await scene.start();
});
afterAll(() => scene.close());
afterEach(stopClients);

test("a message that was lost on the way is noticed, named as a gap, and fetched", async () => {
  await using proxy = await openLossyProxy(server.url);
  const bob = person(server, "lossy-b");
  const alice = person(proxy, "lossy-a");
  await Promise.all([live(alice), live(bob)]);
  const { id } = await bob.conversations.direct("lossy-a");
  await when(alice, `conversation:${id}`, (one) => one !== null);
  await alice.history.open(id);
  await bob.messages.send(id, "zero");
  proxy.frame = (text) => (text.includes('"lost ') ? null : text);
  for (const content of ["lost 1", "lost 2", "three"]) await bob.messages.send(id, content);
  const gap = await nextEvent(alice, "gap");
  const { messages, gaps } = alice.get(`timeline:${id}`);
  expect(messages.map(({ content }) => content)).toEqual(["zero", "three"]);
  expect(gap).toMatchObject({ conversationId: id, afterSeq: messages[0]?.seq, beforeSeq: messages[1]?.seq });
  expect(gaps).toMatchObject([{ afterSeq: gap.afterSeq }]);
  const filled = await when(alice, `timeline:${id}`, (timeline) => timeline.gaps.length === 0);
  expect(filled.messages.map(({ content }) => content)).toEqual(["zero", "lost 1", "lost 2", "three"]);
  await when(alice, `conversation:${id}`, (one) => one?.unread === 4);
});

test("a hole that is rightful is closed after one look", async () => {
  const ann = person(server, "late-ann");
  const bob = person(server, "late-bob");
  await Promise.all([live(ann), live(bob)]);
  const { id } = await ann.conversations.createGroup([], { name: "late", historyVisible: false });
  const before = await ann.messages.send(id, "before bob");
  await ann.conversations.addParticipants(id, ["late-bob"]);
  await when(bob, `conversation:${id}`, (one) => one !== null);
  await bob.history.open(id);
  await ann.messages.send(id, "hello bob");
  await ann.messages.edit(before, "what bob hears nothing of");
  const gap = nextEvent(bob, "gap");
  await ann.messages.send(id, "still here");
  expect(await gap).toMatchObject({ conversationId: id });
  await when(bob, `timeline:${id}`, ({ gaps }) => gaps.length === 0);
  const shown = bob.get(`timeline:${id}`).messages.filter(({ type }) => type !== "system");
  expect(shown.map(({ content }) => content)).toEqual(["hello bob", "still here"]);
});

test("what is no frame ends the connection, which comes back", async () => {
  await using proxy = await openLossyProxy(server.url);
  const client = person(proxy, "noise");
  await live(client);
  const waiting = when(client, "connection", ({ status }) => status === "waiting");
  proxy.frame = () => "<html>Please log in to the hotel's network</html>";
  const bob = person(server, "noise-b");
  await bob.conversations.direct("noise");
  expect(await waiting).toMatchObject({ reason: { message: expect.stringMatching(/no frame/) } });
  proxy.frame = (text) => text;
  await live(client);
  expect(client.get("inbox").ids).toHaveLength(1);
});
