import { useEffect, useMemo, useRef, useState } from "react";
import controls from "../design/controls.module.css";
import { Logo } from "../design/logo.tsx";
import { FACTS } from "../facts.ts";
import type { Seat } from "./client.ts";
import { DIALECTS, type DialectPane } from "./dialects.ts";
import { createLedger } from "./ledger.ts";
import styles from "./page.module.css";
import { Pane } from "./pane.tsx";

const NAMES = ["Ada", "Ben"] as const;
/** Between two panes, where one after the other says something. */
const ROUND_MS = 350;

interface Room {
  readonly conversation: string;
  readonly users: readonly [string, string];
}

export function DialectsPage() {
  const [room, setRoom] = useState<Room | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [capricious, setCapricious] = useState(false);
  const [epoch, setEpoch] = useState(0);
  const [source, setSource] = useState<DialectPane | null>(null);
  const isCapricious = useRef(false);
  const ledger = useMemo(createLedger, []);
  const [senders, setSenders] = useState<ReadonlyMap<string, (text: string) => void>>(new Map());

  useEffect(() => {
    if (FACTS.openMode) openRoom().then(setRoom, (error: Error) => setProblem(error.message));
  }, []);

  const seats = useMemo((): readonly Seat[] => {
    if (room === null) return [];
    const [ada, ben] = room.users;
    const common = { conversation: room.conversation, isCapricious: () => isCapricious.current };
    return [
      { ...common, me: ada, peer: ben },
      { ...common, me: ben, peer: ada },
    ];
  }, [room]);

  function switchCapricious(on: boolean): void {
    isCapricious.current = on;
    setCapricious(on);
    setEpoch((count) => count + 1);
  }

  async function sayRound(): Promise<void> {
    for (const { name } of DIALECTS) {
      senders.get(name)?.(`Hello from ${name}`);
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    }
  }

  function join(name: string, send: (text: string) => void): void {
    setSenders((before) => (before.has(name) ? before : new Map(before).set(name, send)));
  }

  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <a href="/" className={styles.brand}>
          <Logo />
          <span className="visually-hidden">Parlance, the app</span>
        </a>
        <div className={styles.title}>
          <h1>Five dialects, one conversation</h1>
          <p>
            Each pane is a public client library that speaks its own protocol to the same server. Type in any;
            cut one off, go on in the others, and let it resume.
          </p>
        </div>
        {room !== null && (
          <div className={styles.controls}>
            <label className={styles.switch}>
              <input
                type="checkbox"
                checked={capricious}
                onChange={(event) => switchCapricious(event.target.checked)}
              />
              <span>
                Capricious <small>queue and sse fail, wait and repeat on purpose</small>
              </span>
            </label>
            <button
              type="button"
              className={controls.button}
              disabled={senders.size < DIALECTS.length}
              onClick={() => void sayRound()}
            >
              Say hello in all five
            </button>
          </div>
        )}
      </header>
      {!FACTS.openMode && (
        <p className={styles.notice}>
          This page lets you be two people at once, which only a server in open mode allows. Start one without{" "}
          <code>JWT_SECRET</code> and <code>JWT_JWKS_URL</code> to try it.
        </p>
      )}
      {problem !== null && <p className={styles.notice}>The conversation could not be opened: {problem}</p>}
      <main className={styles.panes}>
        {seats.length > 0 &&
          DIALECTS.map((dialect) => (
            <Pane
              key={dialect.name}
              dialect={dialect}
              seat={seats[dialect.seat] as Seat}
              displayName={NAMES[dialect.seat]}
              ledger={ledger}
              epoch={epoch}
              onSource={() => setSource(dialect)}
              onLive={(send) => join(dialect.name, send)}
            />
          ))}
      </main>
      {source !== null && <SourceDialog dialect={source} onClose={() => setSource(null)} />}
    </div>
  );
}

function SourceDialog({ dialect, onClose }: { readonly dialect: DialectPane; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className={styles.source} onClose={onClose} aria-labelledby="source-title">
      <header>
        <h2 id="source-title">A {dialect.name} client</h2>
        <button type="button" className={controls.button} onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <p>All of it, as it runs in this pane.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by the keyboard too */}
      <pre tabIndex={0}>{dialect.source}</pre>
    </dialog>
  );
}

/** A direct conversation of two people of this page's own; its address brings one back to it. */
async function openRoom(): Promise<Room> {
  const found = /^#([a-z0-9]{1,12})$/.exec(location.hash)?.[1];
  const name = found ?? Math.random().toString(36).slice(2, 8);
  if (found === undefined) history.replaceState(null, "", `#${name}`);
  const users = [`ada-${name}`, `ben-${name}`] as const;
  const response = await fetch("/api/v1/chats", {
    method: "POST",
    headers: { "content-type": "application/json", "x-user-id": users[0] },
    body: JSON.stringify({ participants: users }),
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const { conversation_id } = (await response.json()) as { conversation_id: string };
  return { conversation: conversation_id, users };
}
