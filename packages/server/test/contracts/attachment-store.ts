import { randomUUID } from "node:crypto";
import { DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AttachmentStore } from "../../src/core/ports/attachment-store.ts";
import type { Change, ChangeOutcome, MessageLog } from "../../src/core/ports/message-log.ts";
import type { Ids, Reader } from "../../src/core/ports/reader.ts";
import { upTo } from "../support/node.ts";

export interface AttachmentStoreScene {
  readonly attachments: AttachmentStore;
  readonly logs: readonly MessageLog[];
  readonly reader: Reader;
  readonly ids: Ids;
  close(): Promise<void>;
}

/** What `core/ports` promises of files and of messages that use them, for every store there is. */
export function attachmentStoreContract(name: string, open: () => Promise<AttachmentStoreScene>): void {
  describe(name, () => {
    let scene: AttachmentStoreScene;
    let files: AttachmentStore;
    let batch = 0;
    let conversationId: number;
    /** Nobody else's, so that tests do not count one another's. */
    let uploaderId: string;

    beforeAll(async () => {
      scene = await open();
      files = scene.attachments;
    });
    afterAll(() => scene.close());
    beforeEach(async () => {
      conversationId = await scene.ids.conversation();
      uploaderId = `ann-${conversationId}`;
      await change({
        kind: "open",
        conversationId,
        by: null,
        asRole: null,
        conversationKind: "group",
        name: "group",
        people: [
          { userId: uploaderId, role: "owner" },
          { userId: "bob", role: "member" },
        ],
        settings: DEFAULT_SETTINGS,
      });
    });

    const change = async (...changes: Change[]): Promise<readonly ChangeOutcome[]> =>
      (await (scene.logs[0] as MessageLog).change(changes, { batch: ++batch })).outcomes;
    const added = async (by = uploaderId): Promise<string> => {
      const id = randomUUID();
      const shown = { fileName: "a.png", contentType: "image/png", size: 2 ** 33, width: 3, height: 2 };
      await files.add({ ...shown, id, uploaderId: by, thumbnailSize: 1 });
      return id;
    };
    const completed = async (by?: string): Promise<string> => {
      const id = await added(by);
      await files.completed(id);
      return id;
    };
    const sending = async (attachmentIds: readonly string[], key: string | null = null): Promise<Change> => ({
      kind: "send",
      conversationId,
      by: uploaderId,
      asRole: "owner",
      attachmentIds,
      draft: {
        id: await scene.ids.message(),
        conversationId,
        senderId: uploaderId,
        senderName: null,
        idempotencyKey: key,
        contentHash: key === null ? null : attachmentIds.join().length,
        type: "image",
        content: "",
        parentId: null,
        metadata: null,
        clientTime: null,
      },
    });
    const clock = async () => (await scene.reader.standing(conversationId, null))?.clock;

    test("a file is known once it is complete", async () => {
      const id = await added();
      expect(await files.find([id])).toEqual([]);
      expect(await change(await sending([id]))).toEqual([{ refused: "no_attachment" }]);
      await files.completed(id);
      expect(await files.find([id, randomUUID()])).toEqual([
        {
          id,
          uploaderId,
          fileName: "a.png",
          contentType: "image/png",
          size: 2 ** 33,
          width: 3,
          height: 2,
          thumbnailSize: 1,
          usedBy: null,
        },
      ]);
    });

    test("a message gets its files, in the order given, and its tick", async () => {
      const ids = [await completed(), await completed(), await completed()];
      const [outcome] = await change(await sending(ids.toReversed()));
      const shown = { fileName: "a.png", contentType: "image/png", size: 2 ** 33, width: 3, height: 2 };
      expect(outcome).toMatchObject({
        seq: 2,
        changed: true,
        message: {
          seq: 2,
          rev: 2,
          type: "image",
          attachments: ids.toReversed().map((id) => ({ ...shown, id, hasThumbnail: true })),
        },
      });
      const { message } = outcome as { message: { id: number } };
      expect(await scene.reader.message(conversationId, message.id)).toEqual(message);
      expect(await files.find(ids)).toEqual(
        expect.arrayContaining(
          ids.map((id) => expect.objectContaining({ id, usedBy: { conversationId, seq: 2 } })),
        ),
      );
    });

    test("where one file may not be used nothing of the message stays, and the batch goes on", async () => {
      const [free, used, foreign] = [await completed(), await completed(), await completed("bob")];
      const outcomes = await change(
        await sending([used]),
        await sending([free, foreign]),
        await sending([free, used]),
        await sending([free]),
      );
      expect(outcomes).toMatchObject([
        { seq: 2 },
        { refused: "no_attachment" },
        { refused: "attachment_used" },
        { seq: 3, changed: true },
      ]);
      expect(await clock()).toBe(3);
      const [entry] = await scene.reader.entries("bob", [conversationId]);
      expect(entry).toMatchObject({ unread: 2 });
    });

    test("a repeat of a key is the first, and with other files none", async () => {
      const [one, other] = [await completed(), await completed()];
      const [first] = await change(await sending([one], "key"));
      const [again, reused] = await change(await sending([one], "key"), await sending([one, other], "key"));
      expect(again).toEqual({ ...first, changed: false });
      expect(reused).toEqual({ refused: "key_reused" });
      expect(await clock()).toBe(2);
    });

    test("who takes no part any more does not send: the policy is asked again", async () => {
      const id = await completed("bob");
      const send = await sending([id]);
      const bobs = {
        ...send,
        by: "bob",
        asRole: "member",
        draft: { ...(send as { draft: object }).draft, senderId: "bob" },
      };
      const owner = { conversationId, by: uploaderId, asRole: "owner" } as const;
      const outcomes = await change({ ...owner, kind: "remove", userId: "bob" }, bobs as Change);
      expect(outcomes[1]).toEqual({ stale: true });
      expect(await files.find([id])).toMatchObject([{ usedBy: null }]);
    });

    test("the unused are counted, up to a limit", async () => {
      const ids = await Promise.all(upTo(4).map(() => completed()));
      await change(await sending([ids[0] as string]));
      expect(await files.countUnused(uploaderId, 10)).toBe(3);
      expect(await files.countUnused(uploaderId, 2)).toBe(2);
    });

    test("a deleted message's files are gone at once, and doomed; an old unused one too", async () => {
      const [kept, deleted, old] = [await completed(), await completed(), await completed()];
      const [, outcome] = await change(await sending([kept]), await sending([deleted]));
      const messageId = (outcome as { message: { id: number } }).message.id;
      const [after] = await change({
        conversationId,
        by: uploaderId,
        asRole: "owner",
        kind: "delete",
        messageId,
      });
      expect(after).toMatchObject({ message: { attachments: null } });
      expect((await files.find([kept, deleted])).map(({ id }) => id)).toEqual([kept]);

      const mine = async (since: number): Promise<string[]> => {
        const doomed = await files.takeDoomed(since, 1_000);
        return doomed.filter((id) => [kept, deleted, old].includes(id));
      };
      expect(await mine(Date.now() - 60_000)).toEqual([deleted]);
      expect((await mine(Date.now() + 60_000)).toSorted()).toEqual([deleted, old].toSorted());
      expect(await change(await sending([old]))).toEqual([{ refused: "no_attachment" }]);
      await files.forget([deleted, old, kept]);
      expect(await mine(Date.now() + 60_000)).toEqual([]);
      expect(await files.find([kept])).toHaveLength(1);
    });

    test("messages with files, newest first, between two places", async () => {
      for (const _ of upTo(4)) await change(await sending([await completed(), await completed()]));
      const seqs = async (beforeSeq: number | null, fromSeq: number, limit: number) =>
        (await files.messages({ conversationId, beforeSeq, fromSeq, limit })).map(({ seq }) => seq);
      expect(await seqs(null, 0, 10)).toEqual([5, 4, 3, 2]);
      expect(await seqs(5, 0, 2)).toEqual([4, 3]);
      expect(await seqs(null, 4, 10)).toEqual([5, 4]);
    });
  });
}
