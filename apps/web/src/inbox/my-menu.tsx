import type { PresenceStatus } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import { Menu, MenuGroup, MenuItem, MenuLine } from "../design/menu.tsx";
import { notificationsState, requestNotifications } from "../shell/notifications.ts";
import { ShortcutsDialog } from "../shell/shortcuts-dialog.tsx";
import { applyTheme, chosenTheme, type Theme } from "../shell/theme.ts";
import { useTold } from "../shell/told.tsx";
import { ProfileDialog } from "./profile-dialog.tsx";
import styles from "./sidebar.module.css";

const STATUSES: readonly (readonly [PresenceStatus, string])[] = [
  ["online", "Online"],
  ["away", "Away"],
  ["dnd", "Do not disturb"],
  ["offline", "Appear offline"],
];
const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

interface MyMenuProps {
  readonly onSignOut: () => void;
  readonly onArchive: () => void;
}

/** Oneself: how one is seen, how the app looks, and the way out. */
export function MyMenu({ onSignOut, onArchive }: MyMenuProps) {
  const me = useMe();
  const { people } = useClient();
  const told = useTold();
  const [theme, setTheme] = useState(chosenTheme);
  const [notifications, setNotifications] = useState(notificationsState);
  const [dialog, setDialog] = useState<"profile" | "shortcuts" | null>(null);
  if (me === null) return <span className={styles.me} />;
  const name = me.name ?? me.userId;

  function choose(next: Theme): void {
    applyTheme(next);
    setTheme(next);
  }

  return (
    <>
      <Menu
        align="start"
        trigger={
          <button type="button" className={styles.me}>
            <Avatar id={me.userId} name={name} status={me.status} />
            <span>{name}</span>
          </button>
        }
      >
        <MenuGroup label="How others see you">
          {STATUSES.map(([status, words]) => (
            <MenuItem
              key={status}
              chosen={me.status === status}
              onSelect={() => told(people.setStatus(status))}
            >
              {words}
            </MenuItem>
          ))}
        </MenuGroup>
        <MenuLine />
        <MenuGroup label="How it looks">
          {THEMES.map(([value, words]) => (
            <MenuItem key={value} chosen={theme === value} onSelect={() => choose(value)}>
              {words}
            </MenuItem>
          ))}
        </MenuGroup>
        <MenuLine />
        {notifications === "default" && (
          <MenuItem icon="bell" onSelect={() => void requestNotifications().then(setNotifications)}>
            Turn on notifications
          </MenuItem>
        )}
        <MenuItem icon="settings" onSelect={() => setDialog("profile")}>
          Your profile
        </MenuItem>
        <MenuItem icon="archive" onSelect={onArchive}>
          Archived conversations
        </MenuItem>
        <MenuItem icon="info" onSelect={() => setDialog("shortcuts")}>
          Keyboard shortcuts
        </MenuItem>
        <MenuItem icon="signOut" onSelect={onSignOut}>
          Sign out
        </MenuItem>
      </Menu>
      {dialog === "profile" && <ProfileDialog onClose={() => setDialog(null)} />}
      {dialog === "shortcuts" && <ShortcutsDialog onClose={() => setDialog(null)} />}
    </>
  );
}
