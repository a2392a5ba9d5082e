import { io } from "socket.io-client";
import type { CreateClient } from "../client.ts";

interface Message {
  readonly sender_id: string;
  readonly content: string;
  readonly seq: number;
}

/** `socket.io-client`. It repeats what is not acknowledged; `client_id` makes that safe. */
export const createSocketIoClient: CreateClient = ({ me, conversation }, tell) => {
  let position: string | undefined;
  /** By `seq`: the library hands over what it has parsed, and this page shows what it was. */
  const packets = new Map<number, string>();

  const socket = io({
    query: { userId: me },
    auth: (give) => give({ autojoin: true, ...(position !== undefined && { position }) }),
    transports: ["websocket"],
    autoConnect: false,
    retries: 10,
    ackTimeout: 5_000,
    forceNew: true,
  });
  for (const event of ["position", "resumed"]) {
    socket.on(event, (told: { position: string }) => {
      position = told.position;
    });
  }
  socket.on("connect", () => {
    tell.state("live");
    socket.io.engine.on("packet", ({ type, data }) => {
      const seq = /"seq":(\d+)/.exec(String(data))?.[1];
      if (type === "message" && seq !== undefined) packets.set(Number(seq), `4${data}`);
    });
  });
  socket.on("disconnect", () => tell.state(socket.active ? "connecting" : "cut"));
  socket.on("new_message", ({ seq, sender_id, content }: Message) => {
    tell.heard({ seq, sender: sender_id, text: content, raw: packets.get(seq) ?? "" });
    packets.delete(seq);
  });

  return {
    connect() {
      tell.state("connecting");
      socket.connect();
    },
    cut: () => void socket.disconnect(),
    send(content, key) {
      return new Promise((stored) => {
        const message = { conversation_id: conversation, content, client_id: key };
        socket.emit("send_message", message, () => stored());
      });
    },
  };
};
