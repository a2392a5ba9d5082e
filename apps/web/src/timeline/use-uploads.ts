import type { Attachment, ClientError, Conversation } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { wordsOf } from "../shell/told.tsx";

/** A file on its way up, or up there and not in a message yet. */
export interface Upload {
  readonly key: string;
  readonly file: File;
  /** Of a picture, for the preview. */
  readonly previewUrl: string | null;
  /** 0 to 1. */
  readonly progress: number;
  readonly attachment: Attachment | null;
  readonly problem: string | null;
}

export interface Uploads {
  readonly all: readonly Upload[];
  add(files: readonly File[]): void;
  remove(key: string): void;
  retry(key: string): void;
  /** Takes those that are up, to be sent. */
  take(): readonly Attachment[];
}

const MAX_FILES = 20;

export function useUploads({ settings }: Conversation): Uploads {
  const client = useClient();
  const [all, setAll] = useState<readonly Upload[]>([]);
  const aborts = useRef(new Map<string, AbortController>());
  const latest = useRef(all);
  latest.current = all;

  const patch = useCallback((key: string, change: Partial<Upload>) => {
    setAll((before) => before.map((one) => (one.key === key ? { ...one, ...change } : one)));
  }, []);

  const start = useCallback(
    (key: string, file: File) => {
      const abort = new AbortController();
      aborts.current.set(key, abort);
      client.files
        .upload(file, {
          signal: abort.signal,
          onProgress: (loaded, total) => patch(key, { progress: total === 0 ? 1 : loaded / total }),
        })
        .then(
          (attachment) => patch(key, { attachment, progress: 1 }),
          (error: ClientError) => error.code !== "aborted" && patch(key, { problem: wordsOf(error) }),
        );
    },
    [client, patch],
  );

  const add = useCallback(
    (files: readonly File[]) => {
      const limit = settings.maxFileSizeMb;
      const room = MAX_FILES - latest.current.length;
      const added = files.slice(0, room).map((file): Upload => {
        const isTooLarge = limit !== null && file.size > limit * 1024 * 1024;
        return {
          key: crypto.randomUUID(),
          file,
          previewUrl: /^image\/(png|jpeg|gif|webp|avif)$/.test(file.type) ? URL.createObjectURL(file) : null,
          progress: 0,
          attachment: null,
          problem: isTooLarge ? `Larger than ${limit} MB` : null,
        };
      });
      setAll((before) => [...before, ...added]);
      for (const { key, file, problem } of added) if (problem === null) start(key, file);
    },
    [settings.maxFileSizeMb, start],
  );

  const remove = useCallback((key: string) => {
    aborts.current.get(key)?.abort();
    const gone = latest.current.find((one) => one.key === key);
    if (gone?.previewUrl != null) URL.revokeObjectURL(gone.previewUrl);
    setAll((before) => before.filter((one) => one.key !== key));
  }, []);

  const retry = useCallback(
    (key: string) => {
      const one = latest.current.find((upload) => upload.key === key);
      if (one === undefined) return;
      patch(key, { problem: null, progress: 0 });
      start(key, one.file);
    },
    [patch, start],
  );

  const take = useCallback(() => {
    const taken = latest.current.filter(({ attachment }) => attachment !== null);
    for (const { key } of taken) remove(key);
    return taken.map(({ attachment }) => attachment as Attachment);
  }, [remove]);

  useEffect(
    () => () => {
      for (const abort of aborts.current.values()) abort.abort();
      for (const { previewUrl } of latest.current) if (previewUrl !== null) URL.revokeObjectURL(previewUrl);
    },
    [],
  );

  return { all, add, remove, retry, take };
}
