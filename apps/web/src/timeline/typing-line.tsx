import { useTyping } from "@parlance/client/react";
import styles from "./conversation-view.module.css";

/** Who is typing; its place is kept free, so that nothing moves when it comes. */
export function TypingLine({ conversationId }: { readonly conversationId: string }) {
  const people = useTyping(conversationId).map(({ userId, name }) => name ?? userId);
  return (
    <p className={styles.typing} aria-live="polite">
      {people.length > 0 && (
        <>
          <span className={styles.dots} aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {wordsFor(people)}
        </>
      )}
    </p>
  );
}

function wordsFor(people: readonly string[]): string {
  const [first, second] = people;
  if (people.length === 1) return `${first} is typing…`;
  if (people.length === 2) return `${first} and ${second} are typing…`;
  return `${people.length} people are typing…`;
}
