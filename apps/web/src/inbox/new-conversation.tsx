import type { User } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { useState } from "react";
import controls from "../design/controls.module.css";
import { Dialog } from "../design/dialog.tsx";
import { useTold } from "../shell/told.tsx";
import { PeoplePicker } from "./people-picker.tsx";

interface NewConversationProps {
  readonly onClose: () => void;
  readonly onOpened: (id: string) => void;
}

/** One person makes a direct conversation, more or a name make a group. */
export function NewConversation({ onClose, onOpened }: NewConversationProps) {
  const { conversations } = useClient();
  const told = useTold();
  const [chosen, setChosen] = useState<readonly User[]>([]);
  const [name, setName] = useState("");
  const [isBusy, setBusy] = useState(false);
  const isGroup = chosen.length > 1 || name.trim() !== "";
  const [only] = chosen;

  function create(): void {
    setBusy(true);
    const ids = chosen.map(({ userId }) => userId);
    const opening =
      isGroup || only === undefined
        ? conversations.createGroup(ids, { name: name.trim() === "" ? null : name.trim() })
        : conversations.direct(only.userId);
    told(
      opening,
      ({ id }) => onOpened(id),
      () => setBusy(false),
    );
  }

  return (
    <Dialog
      title="New conversation"
      onClose={onClose}
      actions={
        <>
          <button type="button" className={controls.button} onClick={onClose}>
            Cancel
          </button>
          <button
            type="button"
            className={`${controls.button} ${controls.primary}`}
            disabled={isBusy || (chosen.length === 0 && name.trim() === "")}
            onClick={create}
          >
            {isGroup ? "Create group" : "Start"}
          </button>
        </>
      }
    >
      <PeoplePicker chosen={chosen} onChange={setChosen} />
      <label className={controls.label}>
        Group name
        <input
          className={controls.field}
          value={name}
          maxLength={200}
          onChange={(event) => setName(event.target.value)}
          placeholder="Only for a group"
        />
      </label>
    </Dialog>
  );
}
