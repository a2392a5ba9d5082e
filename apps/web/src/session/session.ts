import { Client, type TokenFunction } from "@parlance/client";
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

export function openClient(credentials: Credentials): Client {
  const storage = indexedDbStorage();
  const url = location.origin;
  if (credentials.kind === "name") {
    const { userId, name } = credentials;
    return new Client({ url, user: userId, name, storage });
  }
  return new Client({ url, token: renewing(credentials.token), storage });
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
