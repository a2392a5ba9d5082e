/** What the tests' page has: the SDK as an application would bundle it, and a small React view of it. */
import { createElement, memo } from "react";
import { createRoot } from "react-dom/client";
import { Client } from "../../src/client.ts";
import { ClientProvider, useConversation, useInbox, useTimeline, useTyping } from "../../src/react.ts";
import { indexedDbStorage, webStorage } from "../../src/storage.ts";
import { brokenPromises } from "../support/storage-contract.ts";

/** Renders by component. */
const renders: Record<string, number> = {};
const counted = (name: string) => {
  renders[name] = (renders[name] ?? 0) + 1;
};

function Inbox() {
  counted("inbox");
  const { ids } = useInbox();
  return createElement(
    "ul",
    { id: "inbox" },
    ids.map((id) => createElement(Row, { key: id, id })),
  );
}

const Row = memo(function Row({ id }: { readonly id: string }) {
  counted(`row ${id}`);
  const conversation = useConversation(id);
  return createElement("li", { "data-id": id }, `${conversation?.unread}`);
});

function Timeline({ id }: { readonly id: string }) {
  counted("timeline");
  const { messages } = useTimeline(id);
  return createElement(
    "ol",
    { id: "timeline" },
    messages.map(({ key, content, state }) => createElement("li", { key, "data-state": state }, content)),
  );
}

function Typing({ id }: { readonly id: string }) {
  counted("typing");
  return createElement(
    "p",
    { id: "typing" },
    useTyping(id).map(({ userId }) => userId),
  );
}

function show(client: Client, id: string): void {
  const root = createRoot(document.getElementById("root") as HTMLElement);
  root.render(
    createElement(
      ClientProvider,
      { value: client },
      createElement(Inbox),
      createElement(Timeline, { id }),
      createElement(Typing, { id }),
    ),
  );
}

export const sdk = { Client, webStorage, indexedDbStorage, brokenPromises, show, renders };
Object.assign(globalThis, { sdk });
