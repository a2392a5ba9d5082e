import { readId, spellUuid } from "@parlance/protocol/ids.ts";
import { expect } from "vitest";
import { open } from "../socketio/client.ts";
import type { Answer, ServerProcess } from "./server.ts";
import { connect } from "./socket.ts";

/** What somebody is answered who says something in one dialect. */
export interface Said {
  readonly ok: boolean;
  /** The refusal, as that dialect has it. */
  readonly refusal: unknown;
}

/** Somebody with a connection, or a token, in every dialect, and with one direct conversation. */
export interface Speaker {
  /** Says something in each dialect; by dialect what came of it. */
  say(content: string): Promise<Readonly<Record<DialectName, Said>>>;
  /** Resolves when each dialect takes what is said. */
  untilHeard(): Promise<void>;
  close(): Promise<void>;
}

type DialectName = "queue" | "socketio" | "sse" | "stomp" | "websocket";

/** How each dialect says "not now": the status, the form of the body or the frame. */
export const REFUSED: Readonly<Record<DialectName, unknown>> = {
  queue: { status: 503, retryAfter: expect.any(String), body: { error: expect.any(String) } },
  socketio: {
    success: false,
    error: expect.any(String),
    code: expect.stringMatching(/^(unavailable|overloaded)$/),
    retry_after: expect.any(Number),
  },
  sse: {
    status: 503,
    retryAfter: expect.any(String),
    body: expect.objectContaining({ error: expect.anything() }),
  },
  stomp: {
    status: 503,
    retryAfter: expect.any(String),
    body: { success: false, data: null, error: expect.any(String) },
  },
  websocket: expect.objectContaining({
    code: expect.stringMatching(/^(unavailable|overloaded)$/),
    retry_after: expect.any(Number),
  }),
};

const PATIENCE_MS = 25_000;
let speakers = 0;

export async function openSpeaker(server: ServerProcess): Promise<Speaker> {
  const me = `speaker-${++speakers}-${Date.now()}`;
  const peer = `${me}-peer`;
  const frames = await connect(server, { user: me });
  const opened = await frames.ask("conversation.open", { participants: [peer] });
  const conversation = opened.payload.conversation_id as string;
  const id = readId("conversation", conversation) as number;
  const socket = await open(server, me, { auth: { autojoin: true } });
  const { token } = (await server.request("/api/dev/token", { body: { user: me } })).body;
  let count = 0;

  const byRest = (answer: Answer): Said => ({
    ok: answer.status < 300,
    refusal: { status: answer.status, retryAfter: answer.headers.get("retry-after"), body: answer.body },
  });

  const say = async (content: string) => {
    const key = () => ({ "idempotency-key": `${me}-${++count}` });
    const [queue, socketio, sse, stomp, websocket] = await Promise.all([
      server
        .request("/api/v1/messages", { body: { sender_id: me, receiver_id: peer, content } })
        .then(byRest),
      socket
        .ask("send_message", { conversation_id: spellUuid("conversation", id), content })
        .then((answer) => ({ ok: answer.success, refusal: answer })),
      server
        .request(`/chats/${id}/messages`, { body: { text: content }, headers: { "x-user-id": me, ...key() } })
        .then(byRest),
      server
        .request(`/api/chat/conversations/${id}/messages`, {
          body: { content },
          headers: { authorization: `Bearer ${token}` },
        })
        .then(byRest),
      frames
        .ask("message.send", { conversation_id: conversation, content })
        .then(({ event, payload }) => ({ ok: event === "message.ack", refusal: payload })),
    ]);
    return { queue, socketio, sse, stomp, websocket };
  };

  return {
    say,
    async untilHeard() {
      for (const end = Date.now() + PATIENCE_MS; ; ) {
        const said = await say("heard?");
        if (Object.values(said).every(({ ok }) => ok)) return;
        if (Date.now() > end) throw new Error(`still not heard: ${JSON.stringify(said)}`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    },
    async close() {
      socket.close();
      await frames.close();
    },
  };
}
