import type { Conversation, Message, Participant } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import {
  type ClipboardEvent,
  type KeyboardEvent,
  type Ref,
  useEffect,
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { IconButton } from "../design/icon-button.tsx";
import { keepDraft, readDraft } from "../shell/drafts.ts";
import { useSay, useTold } from "../shell/told.tsx";
import styles from "./composer.module.css";
import { EmojiButton } from "./emoji-button.tsx";
import { MentionList, matching, mentionBegun, spellMention } from "./mentions.tsx";
import { plainText } from "./plain-text.tsx";
import { UploadList } from "./upload-list.tsx";
import { useUploads } from "./use-uploads.ts";

/** What is written: something new, an answer, or another text for what is there. */
export type Writing =
  | { readonly kind: "new" }
  | { readonly kind: "reply"; readonly to: Message }
  | { readonly kind: "edit"; readonly message: Message };

export interface ComposerHandle {
  focus(): void;
  addFiles(files: readonly File[]): void;
}

interface ComposerProps {
  readonly conversation: Conversation;
  /** Where its draft is kept: a conversation or a thread. */
  readonly place: string;
  readonly writing: Writing;
  readonly onWriting: (writing: Writing) => void;
  readonly placeholder: string;
  /** Of a thread: what all of it answers. */
  readonly replyTo?: Message | null;
  readonly onSent: () => void;
  /** An arrow up in an empty field. */
  readonly onEditLast?: () => void;
  readonly handle?: Ref<ComposerHandle>;
}

const MAX_LENGTH = 10_000;
const MAX_ROWS_PX = 240;

export function Composer({
  conversation,
  place,
  writing,
  onWriting,
  placeholder,
  replyTo = null,
  onSent,
  onEditLast,
  handle,
}: ComposerProps) {
  const { messages, conversations } = useClient();
  const me = useMe();
  const told = useTold();
  const say = useSay();
  const uploads = useUploads(conversation);
  const field = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const listId = useId();
  const [text, setText] = useState(() => readDraft(place));
  const [begun, setBegun] = useState<string | null>(null);
  const [chosen, setChosen] = useState(0);
  const { id, participants, settings } = conversation;
  const offered = begun === null ? [] : matching(participants, begun, me?.userId ?? "");
  const isEditing = writing.kind === "edit";
  const mayUpload = settings.allowFileUploads && !isEditing;

  useImperativeHandle(handle, () => ({
    focus: () => field.current?.focus(),
    addFiles: (added) => (mayUpload ? uploads.add(added) : say("Files cannot be sent here.")),
  }));

  // biome-ignore lint/correctness/useExhaustiveDependencies: when something else is written
  useEffect(() => {
    if (writing.kind === "edit") setText(writing.message.content);
    else if (writing.kind === "new") setText(readDraft(place));
    if (writing.kind !== "new") field.current?.focus();
  }, [writing]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: as high as its text
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, MAX_ROWS_PX)}px`;
  }, [text]);

  function write(next: string): void {
    setText(next);
    if (!isEditing) keepDraft(place, next);
    conversations.typing(id, next !== "");
    const caret = field.current?.selectionStart ?? next.length;
    setBegun(mentionBegun(next, caret));
    setChosen(0);
  }

  function insert(words: string, from: number, to: number): void {
    const element = field.current;
    if (element === null) return;
    element.focus();
    element.setRangeText(words, from, to, "end");
    write(element.value);
  }

  function mention(person: Participant): void {
    const caret = field.current?.selectionStart ?? text.length;
    const from = caret - (begun?.length ?? 0) - 1;
    insert(`${spellMention(person, participants)} `, from, caret);
    setBegun(null);
  }

  function submit(): void {
    const content = text.trim();
    if (writing.kind === "edit") {
      if (content !== "" && content !== writing.message.content)
        told(messages.edit(writing.message, content));
      onWriting({ kind: "new" });
      return;
    }
    if (uploads.all.some(({ attachment, problem }) => attachment === null && problem === null)) {
      say("The files are not up yet.");
      return;
    }
    const attachments = uploads.take();
    if (content === "" && attachments.length === 0) return;
    const answered = writing.kind === "reply" ? writing.to : replyTo;
    // A refusal shows at the message itself.
    messages.send(id, { content, attachments, replyTo: answered }).catch(() => {});
    onSent();
    setText("");
    keepDraft(place, "");
    conversations.typing(id, false);
    if (writing.kind === "reply") onWriting({ kind: "new" });
  }

  function press(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    if (offered.length > 0) {
      const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (step !== 0) {
        event.preventDefault();
        setChosen((chosen + step + offered.length) % offered.length);
        return;
      }
      const person = offered[chosen];
      if ((event.key === "Enter" || event.key === "Tab") && person !== undefined) {
        event.preventDefault();
        mention(person);
        return;
      }
    }
    if (event.key === "Escape" && (begun !== null || writing.kind !== "new")) {
      event.preventDefault();
      if (begun !== null && offered.length > 0) setBegun(null);
      else onWriting({ kind: "new" });
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && text === "" && writing.kind === "new" && !event.altKey) {
      event.preventDefault();
      onEditLast?.();
    }
  }

  function paste(event: ClipboardEvent): void {
    const pasted = [...event.clipboardData.files];
    if (pasted.length === 0 || !mayUpload) return;
    event.preventDefault();
    uploads.add(pasted);
  }

  const canSend = text.trim() !== "" || uploads.all.some(({ attachment }) => attachment !== null);
  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {offered.length > 0 && <MentionList id={listId} people={offered} chosen={chosen} onChoose={mention} />}
      <div className={styles.box}>
        {writing.kind !== "new" && <About writing={writing} onCancel={() => onWriting({ kind: "new" })} />}
        <UploadList uploads={uploads} />
        <div className={styles.line}>
          {mayUpload && (
            <>
              <IconButton icon="attach" label="Attach files" onClick={() => files.current?.click()} />
              <input
                ref={files}
                type="file"
                multiple
                hidden
                accept={settings.allowedFileTypes?.join(",")}
                onChange={({ currentTarget }) => {
                  uploads.add([...(currentTarget.files ?? [])]);
                  currentTarget.value = "";
                }}
              />
            </>
          )}
          <textarea
            ref={field}
            className={styles.field}
            value={text}
            rows={1}
            maxLength={MAX_LENGTH}
            placeholder={placeholder}
            aria-label={placeholder}
            aria-autocomplete="list"
            aria-controls={offered.length > 0 ? listId : undefined}
            aria-activedescendant={offered.length > 0 ? `${listId}-${chosen}` : undefined}
            onChange={({ currentTarget }) => write(currentTarget.value)}
            onKeyDown={press}
            onPaste={paste}
            onBlur={() => setBegun(null)}
          />
          <EmojiButton
            label="Emoji"
            size={20}
            onPick={(emoji) => {
              const { selectionStart = text.length, selectionEnd = text.length } = field.current ?? {};
              insert(emoji, selectionStart, selectionEnd);
            }}
          />
          <button
            type="submit"
            className={styles.send}
            disabled={!canSend}
            aria-label={isEditing ? "Save" : "Send"}
          >
            <SendIcon isEditing={isEditing} />
          </button>
        </div>
      </div>
    </form>
  );
}

const SendIcon = ({ isEditing }: { readonly isEditing: boolean }) => (
  <svg width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
    {isEditing ? (
      <path
        fill="none"
        stroke="currentColor"
        strokeWidth="2.4"
        strokeLinecap="round"
        d="M5 12.5 10 18 19 6.5"
      />
    ) : (
      <path fill="currentColor" d="M3.4 20.6 21.5 12 3.4 3.4 3 10l11 2-11 2z" />
    )}
  </svg>
);

function About({ writing, onCancel }: { readonly writing: Writing; readonly onCancel: () => void }) {
  if (writing.kind === "new") return null;
  const message = writing.kind === "reply" ? writing.to : writing.message;
  return (
    <div className={styles.about}>
      <p>
        <b>{writing.kind === "edit" ? "Editing" : `Reply to ${message.senderName ?? message.senderId}`}</b>
        <span>
          {plainText(message.content) || message.attachments.map(({ fileName }) => fileName).join(", ")}
        </span>
      </p>
      <IconButton icon="close" label="Cancel" size={16} onClick={onCancel} />
    </div>
  );
}
