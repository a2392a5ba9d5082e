import type { Attachment, Message } from "@parlance/client";
import { useConnection, useFileUrl } from "@parlance/client/react";
import { useEffect, useState } from "react";
import { Icon } from "../design/icon.tsx";
import { formatBytes } from "../design/time.ts";
import styles from "./attachments.module.css";

/** Pictures are shown no larger than this, in pixels. */
const MAX_WIDTH = 400;
const MAX_HEIGHT = 300;

/** What browsers show by themselves; all else is for saving. */
const SHOWN_TYPES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
]);

export const isShown = ({ contentType, width, height }: Attachment): boolean =>
  SHOWN_TYPES.has(contentType) && width !== null && height !== null;

interface AttachmentsProps {
  readonly message: Message;
  readonly onOpenImage: (attachmentId: string) => void;
}

export function Attachments({ message, onOpenImage }: AttachmentsProps) {
  const { attachments } = message;
  if (attachments.length === 0) return null;
  return (
    <ul className={styles.attachments}>
      {attachments.map((one) => (
        <li key={one.id}>
          {isShown(one) ? (
            <Picture attachment={one} onOpen={() => onOpenImage(one.id)} />
          ) : (
            <FileLink attachment={one} />
          )}
        </li>
      ))}
    </ul>
  );
}

/** A picture that does not come is asked for again: after a pause, and with the next connection. */
const TRIES = 3;
const PAUSE_MS = 1_500;

/** Its place is as large as it will be before it is there, so that nothing jumps. */
function Picture({ attachment, onOpen }: { readonly attachment: Attachment; readonly onOpen: () => void }) {
  const isLive = useConnection().status === "live";
  const [tries, setTries] = useState(0);
  const { width, height, fileName, hasThumbnail } = attachment;
  const url = useFileUrl(attachment, hasThumbnail ? "thumbnail" : "file");
  const scale = Math.min(1, MAX_WIDTH / (width ?? 1), MAX_HEIGHT / (height ?? 1));
  const size = { width: Math.round((width ?? 1) * scale), height: Math.round((height ?? 1) * scale) };

  useEffect(() => {
    if (isLive) setTries(0);
  }, [isLive]);

  if (tries === TRIES) return <FileLink attachment={attachment} />;
  return (
    <button type="button" className={styles.picture} onClick={onOpen} aria-label={`Open ${fileName}`}>
      <img
        key={`${isLive} ${tries}`}
        src={url ?? undefined}
        alt={fileName}
        {...size}
        loading="lazy"
        onError={() => setTimeout(() => setTries(tries + 1), PAUSE_MS)}
      />
    </button>
  );
}

export function FileLink({ attachment }: { readonly attachment: Attachment }) {
  const url = useFileUrl(attachment);
  const { fileName, size } = attachment;
  return (
    <a className={styles.file} href={url ?? undefined} download={fileName} target="_blank" rel="noopener">
      <Icon name="file" size={24} />
      <span>
        <b>{fileName}</b>
        <small>{formatBytes(size)}</small>
      </span>
      <Icon name="download" size={18} />
    </a>
  );
}
