import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "@parlance/protocol/errors.ts";
import { type StompVersion, VERSIONS } from "../../../src/dialects/stomp/frames/version.ts";
import type { StompApplication, StompClient } from "../../../src/dialects/stomp/session/application.ts";
import { encodeHeaders, encodeMessage } from "../../../src/dialects/stomp/session/messages.ts";
import type { StompSession } from "../../../src/dialects/stomp/session/session.ts";
import type { Spelling } from "../../../src/dialects/stomp/transport.ts";

export interface Broker extends StompApplication {
  /** What each connected client has done, by its login, as words. */
  readonly log: string[];
  readonly sessions: ReadonlySet<StompSession>;
  /** Lets what `/app/hold` holds go on. */
  release(): void;
  /** Tells all who listen, once for each version and kind of transport. */
  publish(destination: string, id: string, body: string): void;
}

/**
 * An application that passes on what is sent to `/topic/…`, with a queue in front of each session that shares and
 * joins buffers as delivery does. Logins and destinations make it refuse, wait or fail.
 */
export function createBroker(): Broker {
  const log: string[] = [];
  const sessions = new Map<StompSession, (records: Buffer) => void>();
  const topics = new Map<string, number>();
  let held: (() => void)[] = [];
  let ids = 0;

  const topicOf = (destination: string): number | null => {
    if (!/^\/(topic|queue)\/[a-z:\\é-]+$/.test(destination) && destination !== "/user/queue/errors")
      return null;
    const topic = topics.get(destination) ?? topics.size * 131;
    topics.set(destination, topic);
    return topic;
  };

  function publish(destination: string, id: string, body: string): void {
    const message = {
      topic: topicOf(destination) as number,
      destination,
      id,
      contentType: "text/plain",
      headers: [["odd:name", "a\\b\nc:d"]] as const,
      body,
    };
    const shared = new Map<string, Buffer>();
    const encoded = (version: StompVersion, spelling: Spelling): Buffer => {
      const key = version + spelling;
      const known = shared.get(key) ?? encodeMessage(version, spelling, message);
      shared.set(key, known);
      return known;
    };
    for (const version of VERSIONS) {
      for (const spelling of ["plain", "json"] as const) {
        for (const [session, push] of sessions) {
          if (session.client === null || session.version !== version || session.spelling !== spelling)
            continue;
          const position = Buffer.from(encodeHeaders(version, spelling, [["position", id]]));
          push(Buffer.concat([position, encoded(version, spelling)]));
        }
      }
    }
  }

  async function connect(session: StompSession, headers: ReadonlyMap<string, string>): Promise<StompClient> {
    const login = headers.get("login") ?? "guest";
    if (login === "nobody") throw new Refusal("unauthenticated", "The token is not valid");
    if (login === "crash") throw new Error("select * from secrets");
    if (login === "slow") await sleep(200);
    let waiting: Buffer[] = [];
    const writeOut = (): void => {
      const records = waiting;
      waiting = [];
      if (records.length > 0) session.write(records.length > 1 ? [Buffer.concat(records)] : records);
    };
    const push = (records: Buffer): void => {
      if (waiting.length === 0) setImmediate(writeOut);
      waiting.push(records);
    };
    sessions.set(session, push);
    return {
      name: login,
      greeting: [],
      expiresAt: login === "expiring" ? Date.now() + 300 : null,
      queue: login === "unqueued" ? null : { push, writeOut },
      topicOf,
      async subscribed({ destination }, more) {
        if (more.get("since") === "nonsense") throw new Refusal("invalid", "The position is not one");
        log.push(`${login} hears ${destination}`);
      },
      unsubscribed({ destination }) {
        log.push(`${login} leaves ${destination}`);
      },
      async send({ headers: sent, body }, accepted) {
        const destination = sent.get("destination") as string;
        log.push(`${login} sends ${destination} ${body.toString()}`.trimEnd());
        if (destination === "/app/refuse") throw new Refusal("invalid", "Not that");
        if (destination === "/app/crash") throw new Error("select * from secrets");
        if (destination === "/app/hold" || destination === "/app/hold-accepted") {
          if (destination === "/app/hold-accepted") accepted();
          await new Promise<void>((resolve) => held.push(resolve));
        } else if (topicOf(destination) !== null) publish(destination, String(++ids), body.toString());
      },
      refused(refusal, { headers: sent }) {
        const body = JSON.stringify({ error: refusal.message, receipt: sent.get("receipt") });
        publish("/user/queue/errors", String(++ids), body);
      },
      gone() {
        sessions.delete(session);
        log.push(`${login} is gone`);
      },
    };
  }

  return {
    log,
    get sessions() {
      return new Set(sessions.keys());
    },
    connect,
    publish,
    release() {
      for (const go of held) go();
      held = [];
    },
  };
}
