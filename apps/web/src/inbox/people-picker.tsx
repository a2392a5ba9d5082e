import type { User } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { useEffect, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { Icon } from "../design/icon.tsx";
import { FACTS } from "../facts.ts";
import { userIdOf } from "../session/session.ts";
import styles from "./people.module.css";

interface PeoplePickerProps {
  readonly chosen: readonly User[];
  readonly onChange: (chosen: readonly User[]) => void;
  /** Those who are in already. */
  readonly without?: ReadonlySet<string>;
}

const PAUSE_MS = 150;

/** The directory, to pick people from. In open mode somebody who has never been here may be named too. */
export function PeoplePicker({ chosen, onChange, without }: PeoplePickerProps) {
  const { people } = useClient();
  const me = useMe();
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<readonly User[] | null>(null);

  useEffect(() => {
    let current = true;
    const timer = setTimeout(
      () =>
        people.find(query.trim()).then(
          ({ items }) => current && setFound(items),
          () => current && setFound([]),
        ),
      query === "" ? 0 : PAUSE_MS,
    );
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [people, query]);

  const isChosen = (id: string): boolean => chosen.some(({ userId }) => userId === id);
  const toggle = (user: User): void => {
    onChange(
      isChosen(user.userId) ? chosen.filter(({ userId }) => userId !== user.userId) : [...chosen, user],
    );
    setQuery("");
  };
  const offered = (found ?? []).filter(({ userId }) => userId !== me?.userId && !without?.has(userId));
  const name = query.trim();
  const isNew =
    FACTS.openMode && name !== "" && found !== null && !found.some(({ userId }) => userId === userIdOf(name));

  return (
    <div className={styles.picker}>
      {chosen.length > 0 && (
        <ul className={styles.chips} aria-label="Chosen">
          {chosen.map((user) => (
            <li key={user.userId}>
              <button
                type="button"
                onClick={() => toggle(user)}
                aria-label={`Take out ${user.name ?? user.userId}`}
              >
                <Avatar id={user.userId} name={user.name ?? user.userId} size="s" />
                {user.name ?? user.userId}
                <Icon name="close" size={14} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        className={controls.field}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        placeholder="Find people by name"
        aria-label="Find people by name"
        // biome-ignore lint/a11y/noAutofocus: the window was opened for this
        autoFocus
      />
      <ul className={styles.found}>
        {offered.map((user) => (
          <li key={user.userId}>
            <button type="button" aria-pressed={isChosen(user.userId)} onClick={() => toggle(user)}>
              <Avatar id={user.userId} name={user.name ?? user.userId} />
              <span>
                {user.name ?? user.userId}
                <small>
                  {user.userId}
                  {user.isBot && " · bot"}
                </small>
              </span>
              {isChosen(user.userId) && <Icon name="check" size={18} />}
            </button>
          </li>
        ))}
        {isNew && (
          <li>
            <button
              type="button"
              onClick={() => toggle({ userId: userIdOf(name), name, avatarUrl: null, isBot: false })}
            >
              <Avatar id={userIdOf(name)} name={name} />
              <span>
                {name}
                <small>has not been here yet</small>
              </span>
              <Icon name="plus" size={18} />
            </button>
          </li>
        )}
        {found !== null && offered.length === 0 && !isNew && (
          <li className={styles.nobody}>
            {name === "" ? "Nobody else is here yet." : "Nobody goes by that name."}
          </li>
        )}
      </ul>
    </div>
  );
}
