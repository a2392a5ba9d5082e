/**
 * The only file that says no. Pure: each rule is asked with the caller and how things stand, and answers with a
 * refusal or null. Membership is checked once more inside the writing transaction, so that a removal on another
 * node cannot be outrun.
 */
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message, Role } from "@parlance/protocol/model.ts";
import { isTypeIn } from "./attachments/file-types.ts";
import { type Caller, namesNobody } from "./caller.ts";
import type { KnownAttachment } from "./ports/attachment-store.ts";
import type { Standing } from "./ports/reader.ts";

export type Answer = Refusal | null;

const notParticipant = (): Refusal =>
  new Refusal("not_participant", "User is not a participant in this conversation");

/** Unknown and foreign conversations answer alike. */
export function mayTakePart(standing: Standing | null): Answer {
  return standing === null || standing.role === null ? notParticipant() : null;
}

/** The operator reads anything; a service that acts for nobody too. */
export function mayRead(caller: Caller, standing: Standing | null): Answer {
  if (standing === null) return notParticipant();
  if (caller.userId === null) return null;
  return mayTakePart(standing);
}

export function mayReadInbox(caller: Caller, userId: string): Answer {
  if (caller.userId === null || caller.userId === userId) return null;
  return new Refusal("forbidden", "This is another user's list");
}

/** Others may not even know whether two people have spoken. */
export function mayFindDirect({ userId }: Caller, userIds: readonly string[]): Answer {
  return userId === null || userIds.includes(userId) ? null : notParticipant();
}

/** Who changes things must be somebody: the user acted as; throws the refusal where there is none. */
export function actingUser({ userId }: Caller): string {
  if (userId === null) throw namesNobody();
  return userId;
}

/** Users send as themselves; a service or the operator that named nobody, as anybody. */
export function maySendAs({ userId }: Caller, senderId: string): Answer {
  if (userId === null || userId === senderId) return null;
  return new Refusal("forbidden", "The sender is another user than the caller");
}

export function maySend(standing: Standing | null, isReply: boolean): Answer {
  const out = mayType(standing);
  if (out !== null) return out;
  if (isReply && standing?.settings.allowReplies === false) {
    return new Refusal("forbidden", "Replies are switched off in this conversation");
  }
  return null;
}

/** @param parent a message that the sender may see */
export function mayReply(parent: Message): Answer {
  return parent.deletedAt === null ? null : new Refusal("conflict", "The message is deleted");
}

/**
 * Files are sent where that is allowed, of the types and sizes that are: a conversation may take less than the server,
 * not more.
 */
export function mayAttach({ settings }: Standing, files: readonly KnownAttachment[]): Answer {
  if (files.length === 0) return null;
  if (!settings.allowFileUploads) {
    return new Refusal("forbidden", "Files are switched off in this conversation");
  }
  const { maxFileSizeMb, allowedFileTypes } = settings;
  if (maxFileSizeMb !== null && files.some((file) => file.size > maxFileSizeMb * MEBIBYTE)) {
    return new Refusal("too_large", `This conversation takes files of up to ${maxFileSizeMb} MiB`);
  }
  if (allowedFileTypes !== null && files.some((file) => !isTypeIn(allowedFileTypes, file.contentType))) {
    return new Refusal("unsupported_media_type", "This conversation does not take files of this type");
  }
  return null;
}

const MEBIBYTE = 1024 * 1024;

/**
 * Where one of two people has blocked the other, neither says anything to the other, by message, edit, reaction or
 * typing. Both are told the same, and not who blocked whom.
 */
export function mayReach({ isBarred }: Standing): Answer {
  return isBarred ? new Refusal("forbidden", "Nothing can be said in this conversation") : null;
}

export function mayType(standing: Standing | null): Answer {
  return mayTakePart(standing) ?? mayReach(standing as Standing);
}

export function mayEdit(caller: Caller, message: Message): Answer {
  if (message.senderId !== caller.userId)
    return new Refusal("forbidden", "Only its author may edit a message");
  if (message.type === "system") return new Refusal("forbidden", "This message cannot be edited");
  return null;
}

/** Authors delete their own, owners and admins any. */
export function mayDelete(caller: Caller, standing: Standing, message: Message): Answer {
  if (message.senderId === caller.userId || isAdmin(standing)) return null;
  return new Refusal("forbidden", "Only its author or an admin may delete a message");
}

export function mayReact(standing: Standing): Answer {
  if (standing.settings.allowReactions) return mayReach(standing);
  return new Refusal("forbidden", "Reactions are switched off in this conversation");
}

/**
 * A pin stands above the conversation for everybody: in a group it is the owners' and admins', as its name and settings
 * are; of two people either may.
 */
export function mayPin(standing: Standing): Answer {
  return standing.kind === "direct" || isAdmin(standing)
    ? mayReach(standing)
    : new Refusal("forbidden", "Only owners and admins may pin messages");
}

export function mayAdd(standing: Standing): Answer {
  if (standing.kind === "direct") return directIsFixed();
  return isAdmin(standing) ? null : new Refusal("forbidden", "Only owners and admins may add people");
}

/** Anybody may leave; otherwise admins remove members, owners anybody. Nobody is removed from a direct conversation. */
export function mayRemove(caller: Caller, standing: Standing, userId: string, role: Role | null): Answer {
  if (caller.userId === userId) return null;
  if (standing.kind === "direct") return directIsFixed();
  if (!isAdmin(standing)) return new Refusal("forbidden", "Only owners and admins may remove people");
  if (role === null) return new Refusal("not_found", "User is not a participant");
  if (role !== "member" && standing.role !== "owner") {
    return new Refusal("forbidden", "Only an owner may remove an owner or admin");
  }
  return null;
}

export function maySetRole(standing: Standing): Answer {
  if (standing.kind === "direct") return directIsFixed();
  return standing.role === "owner" ? null : new Refusal("forbidden", "Only an owner may change roles");
}

export function mayUpdate(standing: Standing): Answer {
  if (standing.kind === "direct") return directIsFixed();
  return isAdmin(standing)
    ? null
    : new Refusal("forbidden", "Only owners and admins may change the conversation");
}

/** What one has written is for others to read; a note to oneself for oneself. */
export function mayMarkMessage(userId: string, standing: Standing, senderId: string): Answer {
  const isNote = standing.kind === "direct" && standing.participantCount === 1;
  if (senderId !== userId || isNote) return null;
  return new Refusal("forbidden", "Its sender cannot mark a message as read");
}

export function mayDeleteConversation(standing: Standing): Answer {
  if (standing.kind === "direct") return directIsFixed();
  return standing.role === "owner"
    ? null
    : new Refusal("forbidden", "Only an owner may delete the conversation for everyone");
}

export function mayBlock(userId: string, otherId: string): Answer {
  return userId === otherId ? new Refusal("invalid", "Nobody blocks themselves") : null;
}

/** The two are told the same: whoever is refused may be the one who blocked or the one who was blocked. */
export function mayMeet(isBarred: boolean): Answer {
  return isBarred ? new Refusal("forbidden", "No conversation can be opened with this user") : null;
}

/** Whoever holds a service's token, or runs an open server. */
export function mayManageUsers({ rights }: Caller): Answer {
  return rights === "user" ? new Refusal("forbidden", "Only a service may do this") : null;
}

/** A webhook is told of every conversation there is: no user's, nor whoever's speaks for one. */
export function mayManageWebhooks(caller: Caller): Answer {
  return caller.userId === null
    ? mayManageUsers(caller)
    : new Refusal("forbidden", "Only a service that speaks for itself may do this");
}

const isAdmin = (standing: Standing): boolean => standing.role === "owner" || standing.role === "admin";

const directIsFixed = (): Refusal => new Refusal("conflict", "A direct conversation cannot be changed");
