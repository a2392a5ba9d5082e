import type { Conversation, Participant, Role } from "@parlance/client";
import { useClient, useMe, usePresence } from "@parlance/client/react";
import { Avatar } from "../design/avatar.tsx";
import { Icon } from "../design/icon.tsx";
import { IconButton } from "../design/icon-button.tsx";
import { Menu, MenuItem, MenuLine } from "../design/menu.tsx";
import { go } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import styles from "./side-panel.module.css";

const ROLES: readonly (readonly [Role, string])[] = [
  ["owner", "Owner"],
  ["admin", "Admin"],
  ["member", "Member"],
];

interface MembersProps {
  readonly conversation: Conversation;
  /** Null where one may not. */
  readonly onAdd: (() => void) | null;
}

export function Members({ conversation, onAdd }: MembersProps) {
  const { participants, participantCount } = conversation;
  return (
    <section className={styles.section}>
      <h4>{participantCount === 1 ? "1 person" : `${participantCount} people`}</h4>
      {onAdd !== null && (
        <button type="button" className={styles.action} onClick={onAdd}>
          <Icon name="plus" size={18} /> Add people
        </button>
      )}
      <ul>
        {participants.map((one) => (
          <Member key={one.userId} participant={one} conversation={conversation} />
        ))}
      </ul>
      {participantCount > participants.length && (
        <p className={styles.note}>and {participantCount - participants.length} more</p>
      )}
    </section>
  );
}

function Member({
  participant,
  conversation,
}: {
  readonly participant: Participant;
  readonly conversation: Conversation;
}) {
  const { conversations } = useClient();
  const me = useMe();
  const told = useTold();
  const { userId, name, role } = participant;
  const presence = usePresence(userId);
  const { id, ownRole } = conversation;
  const isMe = userId === me?.userId;
  const mayRemove = !isMe && (ownRole === "owner" || (ownRole === "admin" && role === "member"));

  return (
    <li className={styles.member}>
      <Avatar id={userId} name={name ?? userId} status={isMe ? (me?.status ?? undefined) : presence.status} />
      <span>
        {name ?? userId}
        {isMe && " (you)"}
        {role !== "member" && <small>{role === "owner" ? "Owner" : "Admin"}</small>}
      </span>
      {!isMe && (
        <Menu trigger={<IconButton icon="menu" label={`About ${name ?? userId}`} size={18} />}>
          <MenuItem
            icon="thread"
            onSelect={() => told(conversations.direct(userId), (direct) => go({ conversationId: direct.id }))}
          >
            Write to them
          </MenuItem>
          {ownRole === "owner" && (
            <>
              <MenuLine />
              {ROLES.map(([value, words]) => (
                <MenuItem
                  key={value}
                  chosen={role === value}
                  onSelect={() => told(conversations.setRole(id, userId, value))}
                >
                  {words}
                </MenuItem>
              ))}
            </>
          )}
          {mayRemove && (
            <>
              <MenuLine />
              <MenuItem
                icon="trash"
                danger
                onSelect={() => told(conversations.removeParticipant(id, userId))}
              >
                Remove from the group
              </MenuItem>
            </>
          )}
        </Menu>
      )}
    </li>
  );
}
