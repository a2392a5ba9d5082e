import { useSyncExternalStore } from "react";
import { browserKept } from "../kept.ts";

/**
 * What was typed and not sent, by conversation or thread. It is kept over reloads and shared by the tabs of a browser;
 * where the storage is full it lives as long as the page.
 */
const PREFIX = "parlance:draft:";
const drafts = new Map<string, string>();
const listeners = new Set<() => void>();
let owner = "";

/** Drafts are their writer's own: another who signs in on this browser has others. */
export function openDrafts(userId: string): void {
  if (owner === userId) return;
  owner = userId;
  drafts.clear();
}

const keyOf = (place: string): string => `${PREFIX}${owner}:${place}`;

export function readDraft(place: string): string {
  const known = drafts.get(place);
  if (known !== undefined) return known;
  const kept = browserKept.get(keyOf(place)) ?? "";
  drafts.set(place, kept);
  return kept;
}

export function keepDraft(place: string, text: string): void {
  drafts.set(place, text);
  browserKept.set(keyOf(place), text === "" ? null : text);
  for (const listener of listeners) listener();
}

/** The draft as it is kept: for lists, not for the field it is typed into. */
export function useDraft(place: string): string {
  return useSyncExternalStore(watchDrafts, () => readDraft(place));
}

function watchDrafts(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
