import type { Conversation, NotificationLevel, User } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { otherOf, titleOf } from "@parlance/client/show";
import { useState } from "react";
import { AskDialog } from "../design/ask-dialog.tsx";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { Icon, type IconName } from "../design/icon.tsx";
import { Switch } from "../design/switch.tsx";
import { PeoplePicker } from "../inbox/people-picker.tsx";
import { go } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import { GroupSettings } from "./group-settings.tsx";
import { Members } from "./members.tsx";
import styles from "./side-panel.module.css";

const LEVELS: readonly (readonly [NotificationLevel, string])[] = [
  ["all", "Every message"],
  ["mentions", "Only what names me"],
  ["none", "Nothing"],
];

type Window = "settings" | "add" | "leave" | "delete" | "block";

/** Who is in it, how one keeps it, and what may be changed. */
export function Details({ conversation }: { readonly conversation: Conversation }) {
  const { conversations, people } = useClient();
  const me = useMe();
  const told = useTold();
  const [open, setOpen] = useState<Window | null>(null);
  const [added, setAdded] = useState<readonly User[]>([]);
  const { id, kind, ownRole, description, muted, pinned, archived, level, blocked, participants } =
    conversation;
  const title = titleOf(conversation, me?.userId ?? "");
  const other = otherOf(conversation, me?.userId ?? "");
  const isAdmin = ownRole === "owner" || ownRole === "admin";
  const close = (): void => setOpen(null);

  return (
    <div className={styles.details}>
      <div className={styles.about}>
        <Avatar id={other?.userId ?? id} name={title} kind={other === null ? "group" : "person"} size="l" />
        <h3>{title}</h3>
        {other !== null && <p>{other.userId}</p>}
        {description !== null && description !== "" && <p>{description}</p>}
        {kind === "group" && isAdmin && (
          <button type="button" className={controls.button} onClick={() => setOpen("settings")}>
            <Icon name="settings" size={18} /> Group settings
          </button>
        )}
      </div>

      <section className={styles.section}>
        <h4>In your list</h4>
        <Switch label="Pinned to the top" on={pinned} onChange={(on) => told(conversations.pin(id, on))} />
        <Switch label="Muted" on={muted} onChange={(on) => told(conversations.mute(id, on))} />
        <Switch label="Archived" on={archived} onChange={(on) => told(conversations.archive(id, on))} />
        <label className={styles.choice}>
          Notify me of
          <select
            className={controls.field}
            value={level}
            onChange={({ currentTarget }) =>
              told(conversations.setLevel(id, currentTarget.value as NotificationLevel))
            }
          >
            {LEVELS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </section>

      {kind === "group" && (
        <Members conversation={conversation} onAdd={isAdmin ? () => setOpen("add") : null} />
      )}

      <section className={styles.section}>
        {kind === "direct" && other !== null && other.userId !== me?.userId && (
          <Action
            icon="close"
            words={blocked ? `Unblock ${title}` : `Block ${title}`}
            onClick={() => (blocked ? told(people.block(other.userId, false)) : setOpen("block"))}
          />
        )}
        <Action
          icon="signOut"
          words={kind === "group" ? "Leave the group" : "Hide until the next message"}
          onClick={() => setOpen("leave")}
        />
        {ownRole === "owner" && (
          <Action icon="trash" words="Delete for everybody" onClick={() => setOpen("delete")} />
        )}
      </section>

      {open === "settings" && <GroupSettings conversation={conversation} onClose={close} />}
      {open === "add" && (
        <AskDialog
          title="Add people"
          action="Add"
          disabled={added.length === 0}
          onAction={() =>
            told(
              conversations.addParticipants(
                id,
                added.map(({ userId }) => userId),
              ),
              () => {
                setAdded([]);
                close();
              },
            )
          }
          onClose={close}
        >
          <PeoplePicker
            chosen={added}
            onChange={setAdded}
            without={new Set(participants.map(({ userId }) => userId))}
          />
        </AskDialog>
      )}
      {open === "leave" && (
        <Confirm
          title={kind === "group" ? `Leave ${title}?` : `Hide ${title}?`}
          words={
            kind === "group"
              ? "You will hear nothing more of it until somebody adds you again."
              : "It comes back with the next message."
          }
          action={kind === "group" ? "Leave" : "Hide"}
          onClose={close}
          onConfirm={() => told(conversations.leave(id), () => go({}, true))}
        />
      )}
      {open === "delete" && (
        <Confirm
          title={`Delete ${title}?`}
          words="It goes for everybody in it, with all messages and files."
          action="Delete"
          onClose={close}
          onConfirm={() => told(conversations.remove(id), () => go({}, true))}
        />
      )}
      {open === "block" && other !== null && (
        <Confirm
          title={`Block ${title}?`}
          words="Neither of you can write to the other, or see whether the other is here. In groups nothing changes."
          action="Block"
          onClose={close}
          onConfirm={() => told(people.block(other.userId))}
        />
      )}
    </div>
  );
}

function Action({
  icon,
  words,
  onClick,
}: {
  readonly icon: IconName;
  readonly words: string;
  readonly onClick: () => void;
}) {
  return (
    <button type="button" className={styles.action} onClick={onClick}>
      <Icon name={icon} size={18} /> {words}
    </button>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly words: string;
  readonly action: string;
  readonly onClose: () => void;
  readonly onConfirm: () => void;
}

function Confirm({ title, words, action, onClose, onConfirm }: ConfirmProps) {
  return (
    <AskDialog
      title={title}
      action={action}
      danger
      onAction={() => {
        onClose();
        onConfirm();
      }}
      onClose={onClose}
    >
      <p>{words}</p>
    </AskDialog>
  );
}
