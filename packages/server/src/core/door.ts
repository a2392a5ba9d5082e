import type { Command, CommandName, Commands, ResultOf } from "@parlance/protocol/commands.ts";
import type { AnswerOf, Queries, Query, QueryName } from "@parlance/protocol/queries.ts";
import { openAttachment, readFiles } from "./attachments/read-attachments.ts";
import { uploadAttachment } from "./attachments/upload-attachment.ts";
import type { Caller } from "./caller.ts";
import { addParticipants, removeParticipant, setRole } from "./conversations/change-participants.ts";
import { deleteConversation } from "./conversations/delete-conversation.ts";
import { findDirect } from "./conversations/find-direct.ts";
import { openConversation } from "./conversations/open-conversation.ts";
import { readClock } from "./conversations/read-clock.ts";
import { readEntries, readInbox, readUnread } from "./conversations/read-inbox.ts";
import { readParticipants, readPeople } from "./conversations/read-people.ts";
import { setPreferences } from "./conversations/set-preferences.ts";
import { updateConversation } from "./conversations/update-conversation.ts";
import { deleteMessage, editMessage, pinMessage } from "./messages/change-message.ts";
import { queueMessage } from "./messages/queue-message.ts";
import { react } from "./messages/react.ts";
import { readEdits, readOwnReactions, readReactions, readReceipts } from "./messages/read-about-message.ts";
import {
  findMessage,
  locateMessage,
  readHistory,
  readPage,
  readPins,
  readSent,
  readThread,
} from "./messages/read-messages.ts";
import { sendMessage } from "./messages/send-message.ts";
import type { Parts } from "./parts.ts";
import { readOnline } from "./presence/read-online.ts";
import { readPresence } from "./presence/read-presence.ts";
import { refreshDevice, reportDevice, setStatus, setTyping } from "./presence/signals.ts";
import { markMessageRead } from "./receipts/mark-message-read.ts";
import { markRead, markUnread } from "./receipts/mark-read.ts";
import { searchMessages } from "./search/search-messages.ts";
import { refuseStoreError } from "./store-refusal.ts";
import { blockUser, readBlocks } from "./users/block-user.ts";
import { deactivateUser } from "./users/deactivate-user.ts";
import { findUsers, readUsers } from "./users/find-users.ts";
import { setProfile } from "./users/set-profile.ts";
import {
  createWebhook,
  deleteWebhook,
  readDeliveries,
  readWebhooks,
  replayDelivery,
  updateWebhook,
} from "./webhooks/manage-webhooks.ts";

/**
 * The one door: every dialect ends here, or at `listen`. Both reject with a `Refusal` where the caller is told
 * no, and nothing of the command was done then.
 */
export interface Door {
  /**
   * @param accepted called, if at all, as soon as the command stands in the order of its conversation: what is
   *   executed after that comes after it. Where it is not called, the end of the promise says the same.
   */
  execute<C extends Command>(caller: Caller, command: C, accepted?: () => void): Promise<ResultOf<C>>;
  answer<Q extends Query>(caller: Caller, query: Q): Promise<AnswerOf<Q>>;
}

type CommandTable = {
  readonly [N in CommandName]: (
    parts: Parts,
    caller: Caller,
    command: Commands[N][0],
  ) => Promise<Commands[N][1]>;
};
type QueryTable = {
  readonly [N in QueryName]: (parts: Parts, caller: Caller, query: Queries[N][0]) => Promise<Queries[N][1]>;
};

const COMMANDS: CommandTable = {
  "send-message": sendMessage,
  "queue-message": queueMessage,
  "upload-attachment": uploadAttachment,
  "edit-message": editMessage,
  "delete-message": deleteMessage,
  "pin-message": pinMessage,
  react,
  "open-conversation": openConversation,
  "add-participants": addParticipants,
  "remove-participant": removeParticipant,
  "set-role": setRole,
  "update-conversation": updateConversation,
  "delete-conversation": deleteConversation,
  "set-preferences": setPreferences,
  "block-user": blockUser,
  "set-profile": setProfile,
  "deactivate-user": deactivateUser,
  "mark-read": markRead,
  "mark-message-read": markMessageRead,
  "mark-unread": markUnread,
  "set-typing": setTyping,
  "set-status": setStatus,
  "report-device": reportDevice,
  "refresh-device": refreshDevice,
  "create-webhook": createWebhook,
  "update-webhook": updateWebhook,
  "delete-webhook": deleteWebhook,
  "replay-delivery": replayDelivery,
};

const QUERIES: QueryTable = {
  "read-history": readHistory,
  "read-page": readPage,
  "read-inbox": readInbox,
  "read-entries": readEntries,
  "read-thread": readThread,
  "read-pins": readPins,
  "read-edits": readEdits,
  "read-reactions": readReactions,
  "read-own-reactions": readOwnReactions,
  "read-receipts": readReceipts,
  "read-unread": readUnread,
  "read-participants": readParticipants,
  "read-people": readPeople,
  "find-users": findUsers,
  "read-users": readUsers,
  "read-blocks": readBlocks,
  "read-presence": readPresence,
  "read-online": readOnline,
  "find-message": findMessage,
  "find-direct": findDirect,
  "read-clock": readClock,
  "locate-message": locateMessage,
  "read-sent": readSent,
  "read-files": readFiles,
  "open-attachment": openAttachment,
  "search-messages": searchMessages,
  "read-webhooks": readWebhooks,
  "read-deliveries": readDeliveries,
};

type UseCase<C extends Command> = (
  parts: Parts,
  caller: Caller,
  command: C,
  accepted?: () => void,
) => Promise<ResultOf<C>>;

export function createDoor(parts: Parts): Door {
  /** Not the deactivated. Whoever is known does not wait for that. */
  const letIn = <R>(caller: Caller, go: () => Promise<R>): Promise<R> => {
    const admitted = parts.users.admit(caller);
    return (admitted === undefined ? go() : admitted.then(go)).catch(refuseStoreError);
  };

  return {
    execute: <C extends Command>(caller: Caller, command: C, accepted?: () => void) => {
      const useCase = COMMANDS[command.type] as UseCase<C>;
      return letIn(caller, () => useCase(parts, caller, command, accepted));
    },
    answer: <Q extends Query>(caller: Caller, query: Q) => {
      const useCase = QUERIES[query.type] as (parts: Parts, caller: Caller, query: Q) => Promise<AnswerOf<Q>>;
      return letIn(caller, () => useCase(parts, caller, query));
    },
  };
}
