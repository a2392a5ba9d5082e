import type { ServerProcess } from "../../../server/test/support/server.ts";
import { Client, type ClientEvents, type ClientOptions, type Topic, type Topics } from "../../src/client.ts";

/** Clients that a test has made, to be stopped after it. */
const started: Client[] = [];

export function stopClients(): void {
  for (const client of started.splice(0)) client.stop();
}

/** Somebody with a client of their own, started. */
export function person(
  server: Pick<ServerProcess, "url">,
  user: string,
  options: Partial<ClientOptions> = {},
): Client {
  const client = new Client({ url: server.url, user, retryDelay: () => 50, ...options });
  started.push(client);
  client.start();
  return client;
}

/** Resolves with a topic's value as soon as it is as wanted. */
export function when<T extends Topic>(
  client: Client,
  topic: T,
  isWanted: (value: Topics[T]) => boolean,
): Promise<Topics[T]> {
  return new Promise((resolve) => {
    const look = () => {
      const value = client.get(topic);
      if (!isWanted(value)) return;
      off();
      resolve(value);
    };
    const off = client.subscribe(topic, look);
    look();
  });
}

export const live = (client: Client) => when(client, "connection", ({ status }) => status === "live");

export function nextEvent<N extends keyof ClientEvents>(
  client: Client,
  event: N,
  isWanted: (payload: ClientEvents[N]) => boolean = () => true,
): Promise<ClientEvents[N]> {
  return new Promise((resolve) => {
    const off = client.on(event, (payload) => {
      if (!isWanted(payload)) return;
      off();
      resolve(payload);
    });
  });
}

/** Two people in a direct conversation, both live and looking at it. */
export async function pair(
  server: Pick<ServerProcess, "url">,
  name: string,
  options: Partial<ClientOptions> = {},
) {
  const alice = person(server, `${name}-a`, options);
  const bob = person(server, `${name}-b`, options);
  await Promise.all([live(alice), live(bob)]);
  const { id } = await alice.conversations.direct(`${name}-b`);
  await when(bob, `conversation:${id}`, (conversation) => conversation !== null);
  await Promise.all([alice.history.open(id), bob.history.open(id)]);
  return { alice, bob, id };
}
