import type { ClientError } from "@parlance/client";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { IconButton } from "../design/icon-button.tsx";
import styles from "./shell.module.css";

/**
 * Waits for what was asked and says so where it was not done. Nothing is said of what went well: that is seen.
 * @param done with the result
 * @param failed in addition to the notice
 */
export type Told = <T>(work: Promise<T>, done?: (result: T) => void, failed?: () => void) => void;

const ToldContext = createContext<Told>(() => {});
const SayContext = createContext<(text: string) => void>(() => {});

export const useTold = (): Told => useContext(ToldContext);
/** Shows a notice that goes away by itself. */
export const useSay = (): ((text: string) => void) => useContext(SayContext);

interface Notice {
  readonly id: number;
  readonly text: string;
}

const SHOWN_MS = 6_000;

const WORDS: Readonly<Record<string, string>> = {
  disconnected: "There is no connection. Try again when it is back.",
  network: "The server cannot be reached. Try again later.",
  timeout: "The server did not answer in time. Try again.",
  unavailable: "The server cannot store anything just now. Try again shortly.",
  overloaded: "The server has too much to do just now. Try again shortly.",
  too_large: "The file is larger than the server takes.",
};

export function wordsOf(error: Pick<ClientError, "code" | "message" | "retryAfter">): string {
  if (error.code === "rate_limited") {
    const wait = error.retryAfter === undefined ? "a while" : `${Math.ceil(error.retryAfter)} seconds`;
    return `That was a lot at once. Try again in ${wait}.`;
  }
  return WORDS[error.code] ?? error.message;
}

export function NoticeProvider({ children }: { readonly children: ReactNode }) {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const last = useRef(0);

  const drop = useCallback((id: number) => setNotices((before) => before.filter((one) => one.id !== id)), []);
  const say = useCallback(
    (text: string) => {
      const id = ++last.current;
      setNotices((before) => [...before.filter((one) => one.text !== text), { id, text }]);
      setTimeout(() => drop(id), SHOWN_MS);
    },
    [drop],
  );
  const told = useMemo(
    (): Told => (work, done, failed) => {
      work.then(done, (error: ClientError) => {
        failed?.();
        say(wordsOf(error));
      });
    },
    [say],
  );

  return (
    <ToldContext value={told}>
      <SayContext value={say}>
        {children}
        <div className={styles.notices} role="status" aria-live="polite">
          {notices.map(({ id, text }) => (
            <p key={id} className={styles.notice}>
              {text}
              <IconButton icon="close" label="Close" size={16} onClick={() => drop(id)} />
            </p>
          ))}
        </div>
      </SayContext>
    </ToldContext>
  );
}
