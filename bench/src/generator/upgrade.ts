import { connect, type Socket } from "node:net";
import { nextSource } from "./source.ts";

const HEAD_END = "\r\n\r\n";

/**
 * Sends the head of a request over a TCP connection of its own, and gives that with what came after the answer's head.
 * Nothing more is read until it is resumed.
 * @param status what the answer has to begin with
 * @param what it is called in errors
 * @throws Error when it is refused, with the server's status line
 */
export function openAfterHead(
  port: number,
  head: string,
  status: string,
  what: string,
): Promise<{ tcp: Socket; early: Buffer }> {
  return new Promise((resolve, reject) => {
    const tcp = connect({ port, host: "127.0.0.1", ...nextSource(), noDelay: true });
    let got: Buffer = Buffer.alloc(0);
    const refuse = (error: Error) => {
      tcp.destroy();
      reject(error);
    };
    const onEnd = () => refuse(new Error(`the connection ended before the ${what}`));
    const onData = (chunk: Buffer) => {
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
      const end = got.indexOf(HEAD_END);
      if (end < 0) return;
      const line = got.toString("latin1", 0, got.indexOf("\r\n"));
      if (!line.startsWith(status)) {
        refuse(new Error(`${what} refused: ${line}`));
        return;
      }
      tcp.removeListener("data", onData);
      tcp.removeListener("error", refuse);
      tcp.removeListener("close", onEnd);
      tcp.pause();
      resolve({ tcp, early: Buffer.from(got.subarray(end + HEAD_END.length)) });
    };
    tcp.on("data", onData);
    tcp.on("error", refuse);
    tcp.on("close", onEnd);
    tcp.write(head);
  });
}
