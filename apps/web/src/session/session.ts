import { Client, type ClientStorage, type TokenFunction } from "@parlance/client";
import { keepState } from "@parlance/client/offline";
import { indexedDbStorage } from "@parlance/client/storage";
import { FACTS } from "../facts.ts";
import { tabKept } from "../kept.ts";
import { askEmbedder } from "./embedder.ts";

/** Who this tab is signed in as. A tab has a session of its own, so that two may be two people. */
export type Credentials =
  | { readonly kind: "name"; readonly userId: string; readonly name: string }
  | { readonly kind: "token"; readonly token: string };

const KEY = "parlance:session";

export function keptCredentials(): Credentials | null {
  try {
    return JSON.parse(tabKept.get(KEY) ?? "null") as Credentials | null;
  } catch {
    return null;
  }
}

export function keepCredentials(credentials: Credentials | null): void {
  tabKept.set(KEY, credentials === null ? null : JSON.stringify(credentials));
}

/** A token in the address (`#token=…`), which is taken out of it at once so that nobody copies it. */
export function credentialsFromAddress(): Credentials | null {
  const params = new URLSearchParams(location.hash.slice(1));
  const token = params.get("token");
  if (token === null) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { kind: "token", token };
}

/** In open mode an id is made of the name, so that the same name is the same person the next time. */
export function userIdOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "");
  return plain === "" ? name.trim() : plain;
}

export interface Session {
  readonly client: Client;
  /** Shows what was shown before, and connects. */
  start(): void;
  stop(): void;
  /** Takes what is kept of it out of this browser, but for messages that were not sent yet. */
  forget(): void;
}

export function openSession(credentials: Credentials): Session {
  const storage = indexedDbStorage();
  const client = openClient(credentials, storage);
  const user = credentials.kind === "name" ? credentials.userId : subjectOf(credentials.token);
  const used = new Set<string>();
  const noting: ClientStorage = {
    ...storage,
    set(key, value) {
      used.add(key);
      return storage.set(key, value);
    },
    delete(key) {
      used.delete(key);
      return storage.delete(key);
    },
  };
  let isStopped = false;
  let stopKeeping = (): void => {};
  return {
    client,
    start() {
      const kept = user === null ? Promise.resolve(stopKeeping) : keepState(client, noting, user);
      void kept.then((stop) => {
        stopKeeping = stop;
        if (isStopped) stop();
        else client.start();
      });
    },
    stop() {
      isStopped = true;
      stopKeeping();
      client.stop();
    },
    forget() {
      for (const key of used) void Promise.try(() => storage.delete(key)).catch(() => {});
    },
  };
}

/** Of a conversation so many messages are in memory, and what is further away is loaded again: some fifty windows. */
const TIMELINE_LIMIT = 1_000;

function openClient(credentials: Credentials, storage: ClientStorage): Client {
  const url = location.origin;
  if (credentials.kind === "name") {
    const { userId, name } = credentials;
    return new Client({ url, user: userId, name, storage, timelineLimit: TIMELINE_LIMIT });
  }
  return new Client({ url, token: renewing(credentials.token), storage, timelineLimit: TIMELINE_LIMIT });
}

/** Whose a token says it is; the server looks whether that is true. */
function subjectOf(token: string): string | null {
  try {
    const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" ? sub : null;
  } catch {
    return null;
  }
}

/** The token that was given; later ones come from the application that embeds this one, if any does. */
function renewing(first: string): TokenFunction {
  let asked = false;
  return async () => {
    if (!asked) {
      asked = true;
      return first;
    }
    const renewed = await askEmbedder(FACTS.origins);
    if (renewed !== null) keepCredentials({ kind: "token", token: renewed });
    return renewed;
  };
}
