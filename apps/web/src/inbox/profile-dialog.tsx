import type { User } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { type FormEvent, useEffect, useState } from "react";
import controls from "../design/controls.module.css";
import { Dialog } from "../design/dialog.tsx";
import { TextField } from "../design/text-field.tsx";
import { useTold } from "../shell/told.tsx";
import styles from "./people.module.css";

/** One's own name, and whom one has blocked. */
export function ProfileDialog({ onClose }: { readonly onClose: () => void }) {
  const me = useMe();
  const { people } = useClient();
  const told = useTold();
  const [name, setName] = useState(me?.name ?? "");
  const [blocked, setBlocked] = useState<readonly User[]>([]);

  useEffect(() => {
    people.blocked().then(setBlocked, () => {});
  }, [people]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    told(people.updateMe({ name: name.trim() === "" ? null : name.trim() }), onClose);
  }

  function unblock(user: User): void {
    told(people.block(user.userId, false), () =>
      setBlocked((before) => before.filter(({ userId }) => userId !== user.userId)),
    );
  }

  return (
    <Dialog title="Your profile" onClose={onClose}>
      <form className={styles.form} onSubmit={submit}>
        <TextField label="Name" value={name} onChange={setName} maxLength={128} />
        <p className={controls.hint}>Your id is {me?.userId}.</p>
        <button type="submit" className={`${controls.button} ${controls.primary}`}>
          Save
        </button>
      </form>
      {blocked.length > 0 && (
        <section className={styles.blocked}>
          <h3>Blocked</h3>
          <ul>
            {blocked.map((user) => (
              <li key={user.userId}>
                <span>{user.name ?? user.userId}</span>
                <button
                  type="button"
                  className={`${controls.button} ${controls.small}`}
                  onClick={() => unblock(user)}
                >
                  Unblock
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  );
}
