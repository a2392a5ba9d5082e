import { DEFAULT_SETTINGS, type Message, type Role } from "@parlance/protocol/model.ts";
import { expect, test } from "vitest";
import {
  type Answer,
  mayAdd,
  mayAttach,
  mayBlock,
  mayDelete,
  mayDeleteConversation,
  mayEdit,
  mayManageUsers,
  mayManageWebhooks,
  mayMeet,
  mayPin,
  mayReact,
  mayRemove,
  mayReply,
  maySend,
  maySetRole,
  mayType,
  mayUpdate,
} from "../../src/core/policy.ts";
import type { KnownAttachment } from "../../src/core/ports/attachment-store.ts";
import type { Standing } from "../../src/core/ports/reader.ts";
import { asUser } from "../support/door.ts";

const ROLES: readonly Role[] = ["owner", "admin", "member"];

const group = (role: Role): Standing => ({
  conversationId: 1,
  kind: "group",
  settings: DEFAULT_SETTINGS,
  clock: 1,
  participantCount: 3,
  role,
  joinedSeq: 1,
  isBarred: false,
});
const direct: Standing = { ...group("member"), kind: "direct", participantCount: 2 };
const code = (answer: Answer): string => answer?.code ?? "yes";
const byRole = (ask: (standing: Standing) => Answer): string[] => ROLES.map((role) => code(ask(group(role))));

test("what each role may do in a group", () => {
  expect(byRole(mayAdd)).toEqual(["yes", "yes", "forbidden"]);
  expect(byRole(mayUpdate)).toEqual(["yes", "yes", "forbidden"]);
  expect(byRole(maySetRole)).toEqual(["yes", "forbidden", "forbidden"]);
  expect(byRole(mayDeleteConversation)).toEqual(["yes", "forbidden", "forbidden"]);
  expect(byRole(mayPin)).toEqual(["yes", "yes", "forbidden"]);
});

test("of two people either may pin", () => {
  expect(code(mayPin(direct))).toBe("yes");
});

test("authors change their own messages, owners and admins delete any; what is deleted is not replied to", () => {
  const message = {
    id: 1,
    conversationId: 1,
    seq: 2,
    rev: 2,
    type: "text",
    senderId: "author",
    senderName: null,
    senderAvatarUrl: null,
    content: "x",
    parentId: null,
    parent: null,
    replyCount: 0,
    mentions: [],
    metadata: null,
    attachments: null,
    reactions: null,
    idempotencyKey: null,
    clientTime: null,
    createdAt: 0,
    editedAt: null,
    deletedAt: null,
    pinnedAt: null,
    pinnedBy: null,
  } satisfies Message;
  const deleting = (by: string) => byRole((standing) => mayDelete(asUser(by), standing, message));
  expect(deleting("author")).toEqual(["yes", "yes", "yes"]);
  expect(deleting("other")).toEqual(["yes", "yes", "forbidden"]);
  expect(code(mayEdit(asUser("author"), message))).toBe("yes");
  expect(code(mayEdit(asUser("other"), message))).toBe("forbidden");
  expect(code(mayEdit(asUser("author"), { ...message, type: "system" }))).toBe("forbidden");
  expect(code(mayReply(message))).toBe("yes");
  expect(code(mayReply({ ...message, deletedAt: 1 }))).toBe("conflict");
});

test("owners remove anybody, admins members, members nobody; everybody may leave", () => {
  const removing = (userRole: Role) =>
    byRole((standing) => mayRemove(asUser("me"), standing, "other", userRole));
  expect(removing("owner")).toEqual(["yes", "forbidden", "forbidden"]);
  expect(removing("admin")).toEqual(["yes", "forbidden", "forbidden"]);
  expect(removing("member")).toEqual(["yes", "yes", "forbidden"]);
  expect(byRole((standing) => mayRemove(asUser("me"), standing, "other", null))).toEqual([
    "not_found",
    "not_found",
    "forbidden",
  ]);
  expect(byRole((standing) => mayRemove(asUser("me"), standing, "me", null))).toEqual(["yes", "yes", "yes"]);
});

test("a direct conversation is as it is; one may only leave it", () => {
  const answers = [mayAdd, mayUpdate, maySetRole, mayDeleteConversation].map((ask) => code(ask(direct)));
  expect(answers).toEqual(["conflict", "conflict", "conflict", "conflict"]);
  expect(code(mayRemove(asUser("me"), direct, "other", "member"))).toBe("conflict");
  expect(code(mayRemove(asUser("me"), direct, "me", null))).toBe("yes");
});

test("between two of whom one has blocked the other nothing is said, either way in the same words", () => {
  const barred = { ...direct, isBarred: true };
  const answers = [maySend(barred, false), maySend(barred, true), mayType(barred), mayReact(barred)];
  expect(answers.map(code)).toEqual(["forbidden", "forbidden", "forbidden", "forbidden"]);
  expect(new Set(answers.map((answer) => answer?.message)).size).toBe(1);
  expect([code(mayMeet(true)), code(mayMeet(false))]).toEqual(["forbidden", "yes"]);
  expect(code(mayBlock("me", "me"))).toBe("invalid");
});

test("files as the conversation takes them: at all, by size, by type", () => {
  const file = (contentType: string, size: number) => ({ contentType, size }) as KnownAttachment;
  const attach = (settings: Partial<Standing["settings"]>, ...files: KnownAttachment[]) =>
    code(mayAttach({ ...group("member"), settings: { ...DEFAULT_SETTINGS, ...settings } }, files));
  const png = file("image/png", 1024 * 1024);
  expect([
    attach({}, png),
    attach({ allowFileUploads: false }, png),
    attach({ allowFileUploads: false }),
  ]).toEqual(["yes", "forbidden", "yes"]);
  const big = file("image/png", 1024 * 1024 + 1);
  expect([attach({ maxFileSizeMb: 1 }, png), attach({ maxFileSizeMb: 1 }, png, big)]).toEqual([
    "yes",
    "too_large",
  ]);
  const allowed = { allowedFileTypes: ["image/*", "text/plain"] };
  const types = ["image/gif", "text/plain", "text/html", "imageX/gif", "application/pdf"];
  expect(types.map((type) => attach(allowed, file(type, 1)))).toEqual([
    "yes",
    "yes",
    ...Array(3).fill("unsupported_media_type"),
  ]);
  expect(attach({ allowedFileTypes: [] }, png)).toBe("unsupported_media_type");
});

test("users are shut out by services and operators, not by users", () => {
  const by = (rights: "user" | "service" | "operator") => code(mayManageUsers({ ...asUser("me"), rights }));
  expect([by("user"), by("service"), by("operator")]).toEqual(["forbidden", "yes", "yes"]);
});

test("webhooks are a service's that speaks for itself, and the operator's", () => {
  const by = (rights: "user" | "service" | "operator", userId: string | null) =>
    code(mayManageWebhooks({ ...asUser("me"), rights, userId }));
  expect([by("service", null), by("operator", null)]).toEqual(["yes", "yes"]);
  expect([by("service", "me"), by("user", "me")]).toEqual(["forbidden", "forbidden"]);
});
