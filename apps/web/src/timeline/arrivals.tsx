import { useClient } from "@parlance/client/react";
import { useEffect, useState } from "react";
import { plainText } from "./plain-text.tsx";

/** Reads out what others say, to those who do not see it come. */
export function Arrivals({ conversationId }: { readonly conversationId: string }) {
  const client = useClient();
  const [text, setText] = useState("");
  useEffect(
    () =>
      client.on("message", ({ message, isOwn, isLive }) => {
        if (isOwn || !isLive || message.conversationId !== conversationId) return;
        setText(`${message.senderName ?? message.senderId}: ${plainText(message.content)}`);
      }),
    [client, conversationId],
  );
  return (
    <div className="visually-hidden" role="log" aria-label="New messages">
      {text}
    </div>
  );
}
