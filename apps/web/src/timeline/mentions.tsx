import type { Participant } from "@parlance/client";
import { Avatar } from "../design/avatar.tsx";
import styles from "./composer.module.css";

const MAX_OFFERED = 6;
/** What follows an `@` right before the caret. */
const OPEN = /(?:^|\s)@([\p{L}\p{N}_.-]{0,30})$/u;

/** What somebody begins to name; null where they do not. */
export function mentionBegun(text: string, caret: number): string | null {
  return OPEN.exec(text.slice(0, caret))?.[1] ?? null;
}

export function matching(
  people: readonly Participant[],
  begun: string,
  myId: string,
): readonly Participant[] {
  const sought = begun.toLocaleLowerCase();
  return people
    .filter(({ userId }) => userId !== myId)
    .filter(({ userId, name }) =>
      [userId, ...(name ?? "").split(/\s+/), name ?? ""].some((word) =>
        word.toLocaleLowerCase().startsWith(sought),
      ),
    )
    .slice(0, MAX_OFFERED);
}

/** By name where nobody else has that name, else by id. */
export function spellMention({ userId, name }: Participant, people: readonly Participant[]): string {
  const isAlone =
    name !== null && people.filter((one) => one.name?.toLowerCase() === name.toLowerCase()).length === 1;
  return isAlone ? `@${name}` : `@[${userId}]`;
}

interface MentionListProps {
  readonly id: string;
  readonly people: readonly Participant[];
  readonly chosen: number;
  readonly onChoose: (person: Participant) => void;
}

export function MentionList({ id, people, chosen, onChoose }: MentionListProps) {
  return (
    <div className={styles.mentions} id={id} role="listbox" aria-label="People to mention">
      {people.map((person, i) => (
        // The keys that choose are taken in the field, where the focus stays.
        <div
          key={person.userId}
          id={`${id}-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={i === chosen}
          onMouseDown={(event) => {
            event.preventDefault();
            onChoose(person);
          }}
        >
          <Avatar id={person.userId} name={person.name ?? person.userId} size="s" />
          {person.name ?? person.userId}
          <small>{person.userId}</small>
        </div>
      ))}
    </div>
  );
}
