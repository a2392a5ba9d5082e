import type { Conversation } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { type FormEvent, useId, useState } from "react";
import { AskDialog } from "../design/ask-dialog.tsx";
import { Switch } from "../design/switch.tsx";
import { TextField } from "../design/text-field.tsx";
import { useTold } from "../shell/told.tsx";
import styles from "./side-panel.module.css";

const SWITCHES = [
  ["allowReplies", "Replies and threads"],
  ["allowReactions", "Reactions"],
  ["allowFileUploads", "Files"],
  ["historyVisible", "Who joins later sees what was said before"],
] as const;

/** What a group is called, and what it allows everybody in it. */
export function GroupSettings({
  conversation,
  onClose,
}: {
  readonly conversation: Conversation;
  readonly onClose: () => void;
}) {
  const { conversations } = useClient();
  const told = useTold();
  const formId = useId();
  const [name, setName] = useState(conversation.name ?? "");
  const [description, setDescription] = useState(conversation.description ?? "");
  const [settings, setSettings] = useState(conversation.settings);

  function submit(event: FormEvent): void {
    event.preventDefault();
    const { allowReplies, allowReactions, allowFileUploads, historyVisible } = settings;
    const change = {
      name: name.trim() === "" ? null : name.trim(),
      description: description.trim() === "" ? null : description.trim(),
      ...{ allowReplies, allowReactions, allowFileUploads, historyVisible },
    };
    told(conversations.update(conversation.id, change), onClose);
  }

  return (
    <AskDialog title="Group settings" action="Save" form={formId} onClose={onClose}>
      <form id={formId} className={styles.form} onSubmit={submit}>
        <TextField label="Name" value={name} onChange={setName} maxLength={200} />
        <TextField
          label="Description"
          value={description}
          onChange={setDescription}
          maxLength={1000}
          rows={3}
        />
        <fieldset className={styles.fieldset}>
          <legend>Allowed here</legend>
          {SWITCHES.map(([key, words]) => (
            <Switch
              key={key}
              label={words}
              on={settings[key]}
              onChange={(on) => setSettings({ ...settings, [key]: on })}
            />
          ))}
        </fieldset>
      </form>
    </AskDialog>
  );
}
