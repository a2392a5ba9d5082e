import type { Message } from "@parlance/client";
import { EmojiButton } from "./emoji-button.tsx";
import styles from "./reactions.module.css";

interface ReactionsProps {
  readonly message: Message;
  /** Null where one may not. */
  readonly onReact: ((emoji: string) => void) | null;
}

export function Reactions({ message, onReact }: ReactionsProps) {
  const entries = Object.entries(message.reactions);
  if (entries.length === 0) return null;
  return (
    <ul className={styles.reactions} aria-label="Reactions">
      {entries.map(([emoji, count]) => {
        const isOwn = message.ownReactions.includes(emoji);
        return (
          <li key={emoji}>
            <button
              type="button"
              className={styles.reaction}
              aria-pressed={isOwn}
              aria-label={`${emoji}, ${count}`}
              disabled={onReact === null}
              onClick={() => onReact?.(emoji)}
            >
              <span>{emoji}</span>
              {count}
            </button>
          </li>
        );
      })}
      {onReact !== null && (
        <li className={styles.add}>
          <EmojiButton label="Add a reaction" onPick={onReact} size={16} />
        </li>
      )}
    </ul>
  );
}
