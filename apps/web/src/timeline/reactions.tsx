import type { Message } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { useState } from "react";
import { EmojiButton } from "./emoji-button.tsx";
import styles from "./reactions.module.css";

interface ReactionsProps {
  readonly message: Message;
  /** Null where one may not. */
  readonly onReact: ((emoji: string) => void) | null;
}

export function Reactions({ message, onReact }: ReactionsProps) {
  const { messages } = useClient();
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  const entries = Object.entries(message.reactions);
  if (entries.length === 0) return null;

  /** Who it was: asked when somebody points at them. */
  function ask(): void {
    messages.reactions(message).then(
      ({ items }) => {
        const byEmoji = Map.groupBy(items, ({ emoji }) => emoji);
        setNames(new Map([...byEmoji].map(([emoji, all]) => [emoji, namesOf(all)])));
      },
      () => {},
    );
  }

  return (
    <ul className={styles.reactions} aria-label="Reactions" onPointerEnter={ask}>
      {entries.map(([emoji, count]) => {
        const isOwn = message.ownReactions.includes(emoji);
        return (
          <li key={emoji}>
            <button
              type="button"
              className={styles.reaction}
              aria-pressed={isOwn}
              aria-label={`${emoji}, ${count}`}
              title={names.get(emoji)}
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

const namesOf = (people: readonly { readonly userId: string; readonly name: string | null }[]): string =>
  people.map(({ userId, name }) => name ?? userId).join(", ");
