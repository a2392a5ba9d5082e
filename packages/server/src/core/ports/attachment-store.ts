import type { Attachment, Message } from "@parlance/protocol/model.ts";

export interface NewAttachment extends Omit<Attachment, "hasThumbnail"> {
  readonly uploaderId: string;
  /** Bytes; null where there is none. */
  readonly thumbnailSize: number | null;
}

export interface KnownAttachment extends NewAttachment {
  /** The message it belongs to; null while none uses it. */
  readonly usedBy: { readonly conversationId: number; readonly seq: number } | null;
}

export interface FilesWish {
  readonly conversationId: number;
  readonly beforeSeq: number | null;
  readonly fromSeq: number;
  readonly limit: number;
}

/** What is known of files, beside their bytes. */
export interface AttachmentStore {
  /** Before the first byte is in the file store, which so holds nothing unknown; nobody can use it yet. */
  add(attachment: NewAttachment): Promise<void>;
  /** All its bytes are there. */
  completed(id: string): Promise<void>;
  /** Completed ones that have not been removed, in no order. */
  find(ids: readonly string[]): Promise<readonly KnownAttachment[]>;
  /** Up to `limit`. */
  countUnused(uploaderId: string, limit: number): Promise<number>;
  /** Messages with attachments, newest first. */
  messages(wish: FilesWish): Promise<readonly Message[]>;
  /**
   * Files whose bytes are to go: their message was deleted, or none has used them since then (epoch ms). From then on
   * nobody can have or use them; they come again until they are forgotten.
   */
  takeDoomed(unusedSince: number, limit: number): Promise<readonly string[]>;
  forget(ids: readonly string[]): Promise<void>;
}
