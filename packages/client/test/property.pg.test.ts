import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readHistory, type Seen } from "../../server/test/support/history.ts";
import { openScene, type Scene, type ServerProcess } from "../../server/test/support/server.ts";
import { type Client, type Message, memoryStorage } from "../src/client.ts";
import { type Cutter, openCutter } from "./support/cutter.ts";
import { live, person, stopClients, when } from "./support/people.ts";

let scene: Scene;
let bad: ServerProcess;
/** Over the same database, for the truth. */
let good: ServerProcess;
const cutters: Cutter[] = [];
beforeAll(async () => {
  scene = await openScene("client_property");
  good = await scene.start();
  bad = await scene.start({
    CAPRICIOUS: "on",
    CAPRICIOUS_SEED: "7",
    CAPRICIOUS_DIALECTS: "websocket,stomp",
    CAPRICIOUS_LATENCY_MS: "15",
    CAPRICIOUS_TIMEOUT_MS: "30",
    CAPRICIOUS_AFTER_PERCENT: "8",
  });
  cutters.push(await openCutter(() => bad.url), await openCutter(() => bad.url));
});
afterAll(async () => {
  stopClients();
  await Promise.all(cutters.map((cutter) => cutter.close()));
  await scene.close();
});
afterEach(stopClients);

const PEOPLE = 2;

/** What happens to one of the two: they write, lose the network for a moment or longer, reload the page, look back. */
const step = fc.record({
  who: fc.nat({ max: PEOPLE - 1 }),
  what: fc.oneof(
    { weight: 12, arbitrary: fc.constant("send" as const) },
    { weight: 3, arbitrary: fc.constant("cut" as const) },
    { weight: 1, arbitrary: fc.constant("reload" as const) },
    { weight: 1, arbitrary: fc.constant("down" as const) },
    { weight: 1, arbitrary: fc.constant("up" as const) },
    { weight: 2, arbitrary: fc.constant("wait" as const) },
  ),
});

interface Desk {
  client: Client;
  readonly storage: ReturnType<typeof memoryStorage>;
  readonly cutter: Cutter;
  readonly sent: string[];
  /** What it was told of others' messages, since it was last loaded. */
  heard: Message[];
  readonly isReloaded: boolean;
}

test("whatever the server and the network do, each message is stored once, in order, and seen once", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      run++;
      const names = Array.from({ length: PEOPLE }, (_, i) => `prop-${run}-${i}`);
      const open = (desk: Omit<Desk, "client" | "heard">, i: number): Desk => {
        const heard: Message[] = [];
        const client = person({ url: desk.cutter.url }, names[i] as string, {
          storage: desk.storage,
          retryDelay: () => 20,
          answerMs: 400,
        });
        client.on("message", ({ message, isOwn }) => {
          if (!isOwn) heard.push(message);
        });
        return { ...desk, client, heard };
      };
      const desks = names.map((_, i) =>
        open({ storage: memoryStorage(), cutter: cutters[i] as Cutter, sent: [], isReloaded: false }, i),
      );
      await Promise.all(desks.map(({ client }) => live(client)));
      const { id } = await untilDone(() =>
        (desks[0] as Desk).client.conversations.direct(names[1] as string),
      );
      const look = ({ client }: Desk) => client.history.open(id).catch(() => {});
      await Promise.all(desks.map(look));

      let n = 0;
      for (const { who, what } of steps) {
        const desk = desks[who] as Desk;
        if (what === "send") {
          const key = `${run}-${who}-${n++}`;
          desk.sent.push(key);
          desk.client.messages.send(id, { content: `message ${key}`, key }).catch(() => {});
        } else if (what === "cut") desk.cutter.cut();
        else if (what === "down" || what === "up") desk.cutter.down(what === "down");
        else if (what === "wait") await new Promise((resolve) => setTimeout(resolve, 40));
        else {
          desk.client.stop();
          desks[who] = open({ ...desk, isReloaded: true }, who);
          void look(desks[who] as Desk);
        }
      }

      for (const { cutter } of desks) cutter.down(false);
      await Promise.all(
        desks.map(async ({ client }) => {
          await when(client, "connection", ({ status, queued }) => status === "live" && queued === 0);
        }),
      );
      const history = await readHistory(good, id);
      expect(history.map(({ key }) => key).toSorted()).toEqual(desks.flatMap(({ sent }) => sent).toSorted());
      for (const [i, { sent }] of desks.entries()) {
        expect(history.filter(({ key }) => key.split("-")[1] === `${i}`).map(({ key }) => key)).toEqual(sent);
      }
      for (const desk of desks) {
        while (desk.client.get(`timeline:${id}`).status !== "ready") await look(desk);
        await when(
          desk.client,
          `timeline:${id}`,
          ({ messages }) => messages.at(-1)?.id === history.at(-1)?.id,
        );
        while (desk.client.get(`timeline:${id}`).hasOlder) await desk.client.history.loadOlder(id);
        const shown = desk.client.get(`timeline:${id}`).messages;
        expect(shown.map(idOf)).toEqual(history.map(idOf));
        expect(new Set(shown.map(({ key }) => key)).size).toBe(shown.length);
        const others = history.filter(({ key }) => !desk.sent.includes(key));
        if (!desk.isReloaded) expect(desk.heard.map(idOf)).toEqual(others.map(idOf));
        const seqs = desk.heard.map(({ seq }) => seq);
        expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      }
      stopClients();
    }),
    { numRuns: 5, seed: 11, endOnFailure: true },
  );
}, 120_000);

/** Who asks a server in such a mood asks again. */
async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {}
  }
}

const idOf = ({ id }: Pick<Seen, "id">): string => id;
