import type { Client } from "@parlance/client";
import { currentRoute, go } from "./route.ts";

/** Keys that work wherever one is. Returns what ends it. */
export function startShortcuts(client: Client, search: () => void): () => void {
  // Before whatever has the focus: menus have a use for arrows too.
  const hear = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      search();
      return;
    }
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      event.stopPropagation();
      step(client, event.key === "ArrowDown" ? 1 : -1, event.shiftKey);
    }
  };
  const hearEscape = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && !event.defaultPrevented) stepBack(client);
  };
  window.addEventListener("keydown", hear, { capture: true });
  window.addEventListener("keydown", hearEscape);
  return () => {
    window.removeEventListener("keydown", hear, { capture: true });
    window.removeEventListener("keydown", hearEscape);
  };
}

function step(client: Client, by: 1 | -1, unreadOnly: boolean): void {
  const { ids } = client.get("inbox");
  const { conversationId } = currentRoute();
  const start = ids.indexOf(conversationId ?? "");
  for (let at = start + by; at >= 0 && at < ids.length; at += by) {
    const id = ids[at] as string;
    if (unreadOnly && (client.get(`conversation:${id}`)?.unread ?? 0) === 0) continue;
    go({ conversationId: id });
    return;
  }
}

function stepBack(client: Client): void {
  if (document.querySelector("[role=dialog], [role=menu]") !== null) return;
  const { conversationId, panel } = currentRoute();
  if (conversationId === null) return;
  if (panel !== null) go({ conversationId });
  else client.conversations.markRead(conversationId);
}
