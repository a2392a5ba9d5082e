import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Bus, News } from "../../src/core/ports/bus.ts";

/** Buses of nodes that hear one another; of a bus within one process there is one. */
export interface BusScene {
  readonly buses: readonly [Bus, ...Bus[]];
  close(): Promise<void>;
}

/** What `core/ports/bus.ts` promises, for every bus there is. */
export function busContract(name: string, open: () => Promise<BusScene>): void {
  describe(name, () => {
    let scene: BusScene;
    let heard: News[][];

    beforeEach(async () => {
      scene = await open();
      heard = scene.buses.map(() => []);
      for (const [i, bus] of scene.buses.entries()) {
        bus.listen({ news: (news) => heard[i]?.push(...news), lost() {} });
      }
    });
    afterEach(() => scene.close());

    const typing = (conversationId: number, userId: string): News => ({
      topic: `conversation:${conversationId}`,
      kind: "signal",
      conversationId,
      signal: { type: "typing", conversationId, userId, userName: null, typing: true },
    });
    const joined = (userId: string, seq: number): News => ({
      topic: `user:${userId}`,
      kind: "joined",
      userId,
      conversationId: 1,
      seq,
    });
    const everywhere = (expected: readonly News[]) =>
      expect.poll(() => heard).toEqual(scene.buses.map(() => expected));
    const subscribeAll = (topic: News["topic"]) =>
      Promise.all(scene.buses.map((bus) => bus.subscribe(topic)));

    test("what is said on a subscribed topic reaches every node, in the order in which it was said", async () => {
      await subscribeAll("conversation:1");
      const news = Array.from({ length: 200 }, (_, i) => typing(1, `user-${i}`));
      for (let i = 0; i < news.length; i += 7) scene.buses[0].publish(news.slice(i, i + 7));
      await everywhere(news);
    });

    test("what is said on other topics is not heard", async () => {
      await subscribeAll("conversation:1");
      await subscribeAll("user:ann");
      scene.buses[0].publish([typing(2, "ann"), joined("bob", 1), typing(1, "ann"), joined("ann", 2)]);
      // Of several topics no order is promised.
      await expect
        .poll(() => heard.map((news) => Map.groupBy(news, ({ topic }) => topic)))
        .toEqual(
          scene.buses.map(
            () =>
              new Map<string, News[]>([
                ["conversation:1", [typing(1, "ann")]],
                ["user:ann", [joined("ann", 2)]],
              ]),
          ),
        );
    });

    test("everyone is a topic that nobody has to ask for", async () => {
      const news: News = {
        topic: "everyone",
        kind: "presence",
        conversationIds: [1],
        signal: {
          type: "presence",
          userId: "ann",
          status: "online",
          lastSeenAt: null,
          name: null,
          deviceType: null,
        },
        except: ["bob"],
      };
      scene.buses[0].publish([news]);
      await everywhere([news]);
    });

    test("after unsubscribing nothing more is heard, until one subscribes again", async () => {
      await subscribeAll("conversation:1");
      await subscribeAll("conversation:2");
      for (const bus of scene.buses) bus.unsubscribe("conversation:1");
      scene.buses[0].publish([typing(1, "ann"), typing(2, "ann")]);
      await everywhere([typing(2, "ann")]);
      await subscribeAll("conversation:1");
      scene.buses[0].publish([typing(1, "bob")]);
      await everywhere([typing(2, "ann"), typing(1, "bob")]);
    });

    test("subscribing twice is hearing once; unsubscribing what was not subscribed does nothing", async () => {
      await subscribeAll("conversation:1");
      await subscribeAll("conversation:1");
      for (const bus of scene.buses) bus.unsubscribe("conversation:9");
      scene.buses[0].publish([typing(1, "ann")]);
      await everywhere([typing(1, "ann")]);
    });

    test("a batch larger than a megabyte arrives whole and in order", async () => {
      await subscribeAll("conversation:1");
      const name = "x".repeat(100_000);
      const news = Array.from({ length: 40 }, (_, i) => typing(1, `${i}-${name}`));
      scene.buses[0].publish(news);
      await everywhere(news);
    });

    test("a closed bus tells nothing", async () => {
      await subscribeAll("conversation:1");
      await Promise.all(scene.buses.map((bus) => bus.close()));
      scene.buses[0].publish([typing(1, "ann")]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(heard.flat()).toEqual([]);
    });
  });
}
