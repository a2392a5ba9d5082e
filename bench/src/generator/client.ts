import { BareSocket } from "./bare-socket.ts";
import { BareStream } from "./bare-stream.ts";
import type { Driver, FrameKind, Seat } from "./drivers/driver.ts";

const READY_TIMEOUT_MS = 30_000;

/** One user's connection, from its upgrade to its end, in any dialect. */
export class Client {
  onFrame: (kind: FrameKind, payload: Buffer) => void = () => {};
  onEnd: (reason: string) => void = () => {};
  readonly user: string;
  readonly #wire: BareSocket | BareStream;
  readonly #driver: Driver;
  readonly #port: number;
  #waiting:
    | { kind: FrameKind; resolve: (payload: Buffer) => void; reject: (error: Error) => void }
    | undefined;

  private constructor(user: string, port: number, wire: BareSocket | BareStream, driver: Driver) {
    this.user = user;
    this.#port = port;
    this.#wire = wire;
    this.#driver = driver;
  }

  /** Resolves when the server has said that the connection is ready; `onReady` is given what it said. */
  static async connect(
    port: number,
    driver: Driver,
    seat: Seat,
    onReady: (payload: Buffer) => void = () => {},
  ): Promise<Client> {
    const token = (await driver.tokenOf?.(port, seat.user)) ?? "";
    const socket = await BareSocket.open(port, driver.upgradePath(seat), driver.isBinary);
    const client = new Client(seat.user, port, socket, driver);
    const each = (part: Buffer) => client.#text(part);
    const parts = driver.parts?.();
    const ready = driver.readyOnOpen ? undefined : client.#expect("ready");
    socket.start(parts === undefined ? each : (piece) => parts(piece, each), (reason) =>
      client.#ended(reason),
    );
    for (const text of driver.hello(seat, token)) socket.sendText(text);
    const said = await ready;
    if (said !== undefined) onReady(said);
    return client;
  }

  /** Somebody who says nothing, connected as such people are in this dialect; resolves when all that is live is told. */
  static async listen(port: number, driver: Driver, seat: Seat): Promise<Client> {
    if (driver.stream === undefined) {
      const client = await Client.connect(port, driver, { ...seat, listens: true });
      // One that has said nothing may still be about to resume.
      for (const text of driver.wake) client.send(text);
      return client;
    }
    const stream = await BareStream.open(port, driver.stream.path(seat.user));
    const client = new Client(seat.user, port, stream, driver);
    const { kindOf } = driver.stream;
    const ready = client.#expect("ready");
    stream.start(
      (block) => client.#hear(kindOf(block), block),
      (reason) => client.#ended(reason),
    );
    await ready;
    return client;
  }

  send(text: string): void {
    if (this.#wire instanceof BareSocket) this.#wire.sendText(text);
  }

  gather(work: () => void): void {
    if (this.#wire instanceof BareSocket) this.#wire.gather(work);
  }

  /** @param topic its name, where the peer has topics */
  async openConversation(users: readonly string[], topic = ""): Promise<string> {
    if (this.#driver.hasTopics) return topic;
    if (this.#driver.openByRequest) return this.#driver.openByRequest(this.#port, users);
    return this.#driver.openedConversation(await this.ask(this.#driver.open(users), "opened"));
  }

  /** Sends a text frame and resolves with the answer of this kind. */
  async ask(text: string, kind: FrameKind): Promise<Buffer> {
    const answer = this.#expect(kind);
    this.send(text);
    return await answer;
  }

  close(): void {
    this.#wire.close();
  }

  #expect(kind: FrameKind): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no "${kind}" within ${READY_TIMEOUT_MS / 1000} s`));
        this.close();
      }, READY_TIMEOUT_MS);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting = undefined;
      };
      this.#waiting = {
        kind,
        resolve: (payload) => {
          settle();
          resolve(payload);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
    });
  }

  #text(payload: Buffer): void {
    const answer = this.#driver.heartbeat(payload);
    if (answer !== undefined) {
      this.send(answer);
      return;
    }
    this.#hear(this.#driver.kindOf(payload), payload);
  }

  #hear(kind: FrameKind, payload: Buffer): void {
    if (this.#waiting) {
      if (kind === this.#waiting.kind) this.#waiting.resolve(Buffer.from(payload));
      else if (kind === "error") this.#waiting.reject(new Error(payload.toString("utf8", 0, 300)));
    }
    this.onFrame(kind, payload);
  }

  #ended(reason: string): void {
    this.#waiting?.reject(new Error(reason));
    this.onEnd(reason);
  }
}

/** Runs `work` on every item, at most `limit` at once, and keeps their order. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
