import { useSyncExternalStore } from "react";

/** What stands beside a conversation. */
export type Panel =
  | { readonly kind: "thread"; readonly messageId: string }
  | { readonly kind: "details" | "pins" | "files" };

/** Where one is in the app: all of it stands in the address, so that back, reload and links work. */
export interface Route {
  readonly conversationId: string | null;
  /** A message to be shown. */
  readonly messageId: string | null;
  readonly panel: Panel | null;
}

const NOWHERE: Route = { conversationId: null, messageId: null, panel: null };

export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [section, id] = path.split("/");
  if (section !== "c" || id === undefined || id === "") return NOWHERE;
  const params = new URLSearchParams(query);
  return { conversationId: id, messageId: params.get("message"), panel: readPanel(params.get("panel")) };
}

function readPanel(text: string | null): Panel | null {
  const [kind, messageId] = text?.split(":") ?? [];
  if (kind === "thread" && messageId !== undefined) return { kind, messageId };
  return kind === "details" || kind === "pins" || kind === "files" ? { kind } : null;
}

export function spellRoute({ conversationId, messageId, panel }: Partial<Route>): string {
  if (conversationId === undefined || conversationId === null) return "#/";
  const params = new URLSearchParams();
  if (messageId) params.set("message", messageId);
  if (panel) params.set("panel", panel.kind === "thread" ? `thread:${panel.messageId}` : panel.kind);
  const query = params.size === 0 ? "" : `?${params}`;
  return `#/c/${conversationId}${query}`;
}

/** Goes there; `replace` leaves no step for the browser's way back. */
export function go(route: Partial<Route>, replace = false): void {
  const hash = spellRoute(route);
  if (hash === location.hash) {
    window.dispatchEvent(new HashChangeEvent("hashchange"));
    return;
  }
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

let known: { readonly hash: string; readonly route: Route } | null = null;

/** The same object for as long as the address is the same. */
export function currentRoute(): Route {
  const { hash } = location;
  if (known?.hash !== hash) known = { hash, route: readRoute(hash) };
  return known.route;
}

export function useRoute(): Route {
  return useSyncExternalStore(watchRoute, currentRoute);
}

function watchRoute(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}
