import { Dialog } from "../design/dialog.tsx";
import styles from "./shell.module.css";

const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["Ctrl K", "Search"],
  ["Alt ↑ / ↓", "Previous or next conversation"],
  ["Alt Shift ↑ / ↓", "Previous or next with something unread"],
  ["Enter", "Send"],
  ["Shift Enter", "New line"],
  ["↑ in an empty field", "Edit your last message"],
  ["Tab, ↑ / ↓", "Into the messages, and from one to the next"],
  ["R, T, L, E, Del", "On a message: reply, thread, 👍, edit, delete"],
  ["Esc", "Close the panel or the search; read everything"],
];

export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className={styles.shortcuts}>
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
