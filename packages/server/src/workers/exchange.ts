import { createInProcessBuckets } from "../adapters/limits/in-process-buckets.ts";
import { createInProcessPresence } from "../adapters/presence/in-process-presence.ts";
import type { RateBuckets } from "../core/ports/rate-buckets.ts";
import type { Peer, Serve } from "./peer.ts";

/**
 * What the workers of one machine share, in the process they were made by: it carries what each says to the others that
 * want it, and keeps who is present and how often users may do things.
 */
export interface Exchange {
  /** One more worker; `serve` works on what it asks. */
  join(): { readonly serve: Serve; connected(peer: Peer): void; left(): void };
  /** From here on all end: nobody is left to take over. */
  closing(): void;
}

interface Member {
  peer: Peer | null;
  /** Its connections that make their users present. */
  readonly sessions: Map<string, string>;
  /** It will end, and leave its users to the others. */
  isLeaving: boolean;
}

export function createExchange(now: () => number, elapsed: () => number): Exchange {
  const members = new Set<Member>();
  const topics = new Map<string, Set<Member>>();
  const presence = createInProcessPresence();
  const buckets = new Map<string, RateBuckets>();
  let isClosing = false;

  const publish = (from: Member, topic: string, payload: unknown): void => {
    for (const member of topic === "everyone" ? members : (topics.get(topic) ?? [])) {
      if (member !== from) member.peer?.say("heard", payload);
    }
  };
  const unsubscribe = (member: Member, topic: string): void => {
    const wanting = topics.get(topic);
    wanting?.delete(member);
    if (wanting?.size === 0) topics.delete(topic);
  };
  const othersStay = (member: Member): boolean =>
    !isClosing && [...members].some((other) => other !== member && !other.isLeaving);
  const bucketsOf = (name: string, perMinute: number): RateBuckets => {
    let own = buckets.get(name);
    if (own === undefined) {
      own = createInProcessBuckets(perMinute, elapsed);
      buckets.set(name, own);
    }
    return own;
  };

  const work = (member: Member, method: string, args: readonly unknown[]): unknown => {
    const [first, second, third] = args as readonly [string, string, string | null];
    switch (method) {
      case "publish":
        return publish(member, first, second);
      case "subscribe":
        topics.set(first, (topics.get(first) ?? new Set()).add(member));
        return undefined;
      case "unsubscribe":
        return unsubscribe(member, first);
      case "opened":
        member.sessions.set(second, first);
        return presence.opened(first, second, third);
      case "closed":
        if (member.sessions.get(second) !== first) return false;
        member.sessions.delete(second);
        return presence.closed(first, second);
      case "online":
        return presence.online(args[0] as readonly string[]);
      case "leave":
        member.isLeaving = othersStay(member);
        return member.isLeaving;
      case "take":
        return bucketsOf(first, args[1] as number).take(third as string);
      case "give-back":
        return bucketsOf(first, args[1] as number).giveBack(third as string);
      default:
        throw new Error(`nobody serves ${method}`);
    }
  };

  const leave = async (member: Member): Promise<void> => {
    members.delete(member);
    for (const topic of topics.keys()) unsubscribe(member, topic);
    const gone: string[] = [];
    for (const [session, userId] of member.sessions) {
      if (await presence.closed(userId, session)) gone.push(userId);
    }
    const heir = [...members].find(({ isLeaving }) => !isLeaving);
    if (gone.length > 0 && !isClosing) heir?.peer?.say("gone", gone, now());
  };

  return {
    join() {
      const member: Member = { peer: null, sessions: new Map(), isLeaving: false };
      return {
        serve: (method, args) => work(member, method, args),
        connected(peer) {
          member.peer = peer;
          members.add(member);
        },
        left: () => void leave(member),
      };
    },
    closing() {
      isClosing = true;
    },
  };
}
