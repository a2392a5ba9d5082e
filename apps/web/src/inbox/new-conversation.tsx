import type { User } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { useState } from "react";
import { AskDialog } from "../design/ask-dialog.tsx";
import { TextField } from "../design/text-field.tsx";
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
    <AskDialog
      title="New conversation"
      action={isGroup ? "Create group" : "Start"}
      disabled={isBusy || (chosen.length === 0 && name.trim() === "")}
      onAction={create}
      onClose={onClose}
    >
      <PeoplePicker chosen={chosen} onChange={setChosen} />
      <TextField
        label="Group name"
        value={name}
        onChange={setName}
        maxLength={200}
        placeholder="Only for a group"
      />
    </AskDialog>
  );
}
