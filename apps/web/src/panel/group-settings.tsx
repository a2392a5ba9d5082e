import type { Conversation } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { type FormEvent, useId, useState } from "react";
import controls from "../design/controls.module.css";
import { Dialog } from "../design/dialog.tsx";
import { Switch } from "../design/switch.tsx";
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
    <Dialog
      title="Group settings"
      onClose={onClose}
      actions={
        <>
          <button type="button" className={controls.button} onClick={onClose}>
            Cancel
          </button>
          <button type="submit" form={formId} className={`${controls.button} ${controls.primary}`}>
            Save
          </button>
        </>
      }
    >
      <form id={formId} className={styles.form} onSubmit={submit}>
        <label className={controls.label}>
          Name
          <input
            className={controls.field}
            value={name}
            maxLength={200}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <label className={controls.label}>
          Description
          <textarea
            className={controls.field}
            value={description}
            rows={3}
            maxLength={1000}
            onChange={(event) => setDescription(event.target.value)}
          />
        </label>
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
    </Dialog>
  );
}
