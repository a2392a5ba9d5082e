import { connect, type Socket } from "node:net";

/** Opens a connection to a URL's host and port. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

/** Sends bytes as they are and resolves to all that comes back until the server closes or `ms` have passed. */
export async function sendRaw(url: string, bytes: string | Buffer, ms = 3000): Promise<string> {
  const socket = await openSocket(url);
  socket.write(bytes);
  return readAll(socket, ms);
}

/** All that comes until the other side closes; what has come by then after `ms`. */
export async function readAll(socket: Socket, ms = 3000): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const timer = setTimeout(() => socket.destroy(), ms);
  await closed;
  clearTimeout(timer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The status of the first answer in raw bytes; 0 where there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

export function countAnswers(answer: string): number {
  return answer.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0;
}
