import type { ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

/** Somebody with a token and a socket who uploads files and fetches them. */
export interface Person {
  readonly id: string;
  readonly token: string;
  readonly client: TestClient;
  upload(bytes: Uint8Array | string, more?: { name?: string; type?: string }): Promise<UploadAnswer>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
}

export interface UploadAnswer {
  readonly status: number;
  // What a test knows of an answer it says by its expectations.
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly body: any;
}

export async function personOf(server: ServerProcess, id: string): Promise<Person> {
  const { token } = (await server.request("/api/dev/token", { body: { user: id } })).body;
  const client = await connect(server, { token });
  return {
    id,
    token,
    client,
    async upload(bytes, { name, type } = {}) {
      const response = await fetch(`${server.url}/api/chat/attachments`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          ...(name !== undefined && { "x-file-name": encodeURIComponent(name) }),
          "content-type": type ?? "application/octet-stream",
        },
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      return { status: response.status, body: await response.json() };
    },
    get: (path, headers = {}) =>
      fetch(server.url + path, {
        headers: { authorization: `Bearer ${token}`, ...headers },
        redirect: "manual",
      }),
  };
}

/** Uploads and says it in a conversation of its own with somebody; gives the attachment as it was told. */
export async function share(by: Person, other: Person, bytes: Uint8Array | string, more = {}) {
  const { body } = await by.upload(bytes, more);
  const conversation = await openConversation(by.client, [by.id, other.id]);
  const ack = await say(by.client, conversation, "", { attachment_ids: [body.data.id] });
  const told = await other.client.until(
    (frame) => frame.event === "message.receive" && frame.payload.id === ack.id,
    "the message",
  );
  return { conversation, ack, attachment: told.payload.attachments[0], uploaded: body.data };
}
