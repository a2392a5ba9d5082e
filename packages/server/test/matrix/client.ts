import type { ServerProcess } from "../support/server.ts";

/** What a listener was told of one message, in dialect-free words. */
export interface Heard {
  readonly kind: "message" | "update";
  readonly conversationId: number;
  readonly id: number;
  readonly seq: number;
  readonly senderId: string;
  /** As shown: of a deleted message whatever the dialect shows in its place. */
  readonly content: string;
  readonly deleted: boolean;
}

/** One user's client of one dialect: its public library where there is one, and nothing else of ours. */
export interface MatrixClient {
  /** Everything it was told since it was made, across its connections, in the order of arrival, repeats as well. */
  readonly heard: readonly Heard[];
  /** Sends until it is acknowledged, repeating under the same key through lost connections; resolves to its id. */
  send(conversationId: number, content: string, key: string): Promise<number>;
  /** The newest 100 messages of a conversation as its REST shows them now, oldest first. */
  history(conversationId: number): Promise<readonly Heard[]>;
  /** Loses its connection as when a cable is pulled, and stays away. */
  drop(): void;
  /** Comes back by the dialect's own means of resuming. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/** A dialect as a row and a column of the matrix. */
export interface MatrixDialect {
  readonly name: string;
  /** Whether its clients are told what happens; those of others ask for pages, and `heard` stays empty. */
  readonly listens: boolean;
  /** Whether they are told what they send themselves on the same connection. */
  readonly hearsItself: boolean;
  /** Connects in open mode as a user who takes part in these conversations; `conversations[0]` is a direct one. */
  connect(
    server: Pick<ServerProcess, "url">,
    user: string,
    conversations: readonly number[],
  ): Promise<MatrixClient>;
}
