import type { LiveConnection } from "./connection.ts";
import type { Page, Presence, PresenceStatus, User } from "./model.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestPage, RestPresence, RestUser } from "./rest-shapes.ts";
import type { State } from "./state.ts";
import { presenceOfRest, userOfRest } from "./wire.ts";

/** At most so many pages of 200 who are here are read when a connection begins; others are told of as they move. */
const PRESENCE_PAGES = 5;

export interface PeopleParts {
  readonly state: State;
  readonly rest: Rest;
  readonly connection: LiveConnection;
}

/** The directory, presence, blocks, and oneself. */
export class People {
  readonly #parts: PeopleParts;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  /** Those one may pick from, by name; with a text, those who have it in their name or id. */
  find(query = "", cursor?: string): Promise<Page<User>> {
    return this.#parts.rest.page("/users", { query, cursor }, userOfRest);
  }

  /** How one appears to others. The client does so by itself when it is live. */
  async loadMe(): Promise<void> {
    this.#parts.state.setMe(userOfRest(await this.#parts.rest.get("/users/me")));
  }

  /** How one appears to others; what is not named stays. A `name` of null is the token's. */
  async updateMe(change: {
    readonly name?: string | null;
    readonly avatarUrl?: string | null;
  }): Promise<User> {
    const user = userOfRest(await this.#parts.rest.put("/users/me", { body: change }));
    this.#parts.state.setMe(user);
    return user;
  }

  /** How one is seen while connected; `offline`: as if one were not there. */
  async setStatus(status: PresenceStatus): Promise<void> {
    await this.#parts.rest.put("/presence/status", { body: { status: status.toUpperCase() } });
    this.#parts.state.setMe({ status });
  }

  /** Asks who of these is here, at most 200; shown in `presence:<userId>` too. */
  async presence(userIds: readonly string[]): Promise<readonly Presence[]> {
    const { items } = await this.#parts.rest.post<{ items: readonly RestPresence[] }>("/presence/users", {
      body: { userIds },
    });
    return items.map((item) => this.#here(item));
  }

  /** No direct messages and no presence between the two from now on. */
  async block(userId: string, isBlocked = true): Promise<void> {
    const { rest, state } = this.#parts;
    await rest.request(isBlocked ? "POST" : "DELETE", `/users/${segment(userId)}/block`);
    for (const { id, kind, participants } of state.conversations.values()) {
      const isWithThem = kind === "direct" && participants.some((one) => one.userId === userId);
      if (isWithThem) state.patchConversation(id, { blocked: isBlocked });
    }
  }

  async blocked(): Promise<readonly User[]> {
    const { items } = await this.#parts.rest.get<{ items: readonly RestUser[] }>("/users/blocked");
    return items.map(userOfRest);
  }

  /** Who is here, of those one shares a conversation with. The client does so by itself when it is live. */
  async loadPresence(): Promise<void> {
    const { state, rest } = this.#parts;
    const before = state.presences();
    const here = new Set<string>();
    let cursor: string | null = null;
    for (let pages = 0; pages < PRESENCE_PAGES; pages++) {
      const page: RestPage<RestPresence> = await rest.get("/presence", { limit: 200, cursor });
      for (const item of page.items) here.add(this.#here(item).userId);
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    // Who has left while there was no connection to be told by. What was told since is newer.
    for (const known of before) {
      const { userId } = known;
      const isGone = cursor === null && !here.has(userId) && userId !== state.userId;
      if (isGone && state.presence(userId) === known) {
        state.setPresence({ userId, status: "offline", lastSeenAt: null });
      }
    }
  }

  #here(item: RestPresence): Presence {
    const presence = presenceOfRest(item);
    this.#parts.state.setPresence(presence);
    return presence;
  }
}
