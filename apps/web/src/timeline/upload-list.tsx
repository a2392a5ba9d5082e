import { Icon } from "../design/icon.tsx";
import { IconButton } from "../design/icon-button.tsx";
import { formatBytes } from "../design/time.ts";
import styles from "./composer.module.css";
import type { Upload, Uploads } from "./use-uploads.ts";

/** Files that will go with the next message. */
export function UploadList({ uploads }: { readonly uploads: Uploads }) {
  if (uploads.all.length === 0) return null;
  return (
    <ul className={styles.uploads} aria-label="Files to be sent">
      {uploads.all.map((one) => (
        <Item key={one.key} upload={one} uploads={uploads} />
      ))}
    </ul>
  );
}

function Item({ upload, uploads }: { readonly upload: Upload; readonly uploads: Uploads }) {
  const { key, file, previewUrl, progress, attachment, problem } = upload;
  return (
    <li className={styles.upload} data-problem={problem !== null}>
      {previewUrl === null ? <Icon name="file" size={22} /> : <img src={previewUrl} alt="" />}
      <span className={styles.uploadText}>
        <b>{file.name}</b>
        <small>
          {problem ?? (attachment === null ? `${Math.round(progress * 100)} %` : formatBytes(file.size))}
        </small>
      </span>
      {problem !== null && (
        <IconButton
          icon="retry"
          label={`Upload ${file.name} again`}
          size={16}
          onClick={() => uploads.retry(key)}
        />
      )}
      <IconButton
        icon="close"
        label={`Take out ${file.name}`}
        size={16}
        onClick={() => uploads.remove(key)}
      />
      {attachment === null && problem === null && (
        <progress value={progress} max={1} aria-label={`Uploading ${file.name}`} />
      )}
    </li>
  );
}
