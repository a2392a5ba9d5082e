import { type FormEvent, useEffect, useRef, useState } from "react";
import controls from "../design/controls.module.css";
import type { DialectClient, Heard, Seat, State } from "./client.ts";
import type { DialectPane } from "./dialects.ts";
import type { Ledger } from "./ledger.ts";
import styles from "./page.module.css";

interface Shown extends Heard {
  /** The pane it was sent from; null where another page sent it. */
  readonly via: string | null;
  /** From Enter to here. */
  readonly ms: number | null;
  /** It came while this pane caught up. */
  readonly late: boolean;
  /** How often it came. */
  readonly copies: number;
}

const STATES: Readonly<Record<State, string>> = {
  connecting: "connecting",
  live: "live",
  cut: "cut off",
};
const MAX_SHOWN = 100;

interface PaneProps {
  readonly dialect: DialectPane;
  readonly seat: Seat;
  readonly displayName: string;
  readonly ledger: Ledger;
  /** Asks every pane to go on; changes when capricious mode is switched. */
  readonly epoch: number;
  readonly onSource: () => void;
  /** It is live for the first time; the page may send through it. */
  readonly onLive: (send: (text: string) => void) => void;
}

export function Pane({ dialect, seat, displayName, ledger, epoch, onSource, onLive }: PaneProps) {
  const [state, setState] = useState<State>("connecting");
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const [sending, setSending] = useState(0);
  const [text, setText] = useState("");
  const client = useRef<DialectClient | null>(null);
  const feed = useRef<HTMLOListElement>(null);
  const backAt = useRef(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a client lives as long as its seat
  useEffect(() => {
    const created = dialect.create(seat, {
      state(next) {
        setState(next);
        if (next === "live") onLive(send);
      },
      heard(heard) {
        const sent = ledger.find(heard);
        const now = performance.now();
        const late = sent !== null && sent.at < backAt.current;
        setShown((before) => {
          const again = before.findIndex(({ seq }) => seq === heard.seq);
          if (again !== -1) {
            return before.map((one, i) => (i === again ? { ...one, copies: one.copies + 1 } : one));
          }
          const next = {
            ...heard,
            via: sent?.via ?? null,
            ms: sent === null ? null : now - sent.at,
            late,
            copies: 1,
          };
          return [...before, next].toSorted((a, b) => a.seq - b.seq).slice(-MAX_SHOWN);
        });
      },
    });
    client.current = created;
    created.connect();
    return () => created.cut();
  }, [seat]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each change of it is the wish to connect anew
  useEffect(() => {
    if (epoch === 0 || !dialect.canBeCapricious || state === "cut") return;
    client.current?.cut();
    client.current?.connect();
  }, [epoch]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows what is new
  useEffect(() => {
    feed.current?.lastElementChild?.scrollIntoView({ block: "nearest" });
  }, [shown.length]);

  function send(content: string): void {
    ledger.note({ via: dialect.name, text: content, sender: seat.me, at: performance.now() });
    setSending((count) => count + 1);
    void client.current?.send(content, crypto.randomUUID()).then(() => setSending((count) => count - 1));
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    const content = text.trim();
    if (content === "") return;
    setText("");
    send(content);
  }

  function toggle(): void {
    if (state !== "cut") {
      client.current?.cut();
      return;
    }
    backAt.current = performance.now();
    client.current?.connect();
  }

  return (
    <section className={styles.pane} data-dialect={dialect.name} data-state={state}>
      <header className={styles.paneHead}>
        <h2>{dialect.name}</h2>
        <span className={styles.state} data-state={state}>
          {STATES[state]}
        </span>
        <p>
          {dialect.library} · {displayName}
        </p>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by the keyboard too */}
      <ol className={styles.feed} ref={feed} tabIndex={0} aria-label={`What ${dialect.name} has heard`}>
        {shown.length === 0 && <li className={styles.empty}>Nothing said yet</li>}
        {shown.map((one) => (
          <Message key={one.seq} message={one} mine={one.sender === seat.me} />
        ))}
      </ol>
      {sending > 0 && (
        <p className={styles.waiting}>
          {state === "cut" ? `${sending} waiting for the connection` : "sending…"}
        </p>
      )}
      <form className={styles.composer} onSubmit={submit}>
        <input
          className={controls.field}
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder={`Say it over ${dialect.name}`}
          aria-label={`Message over ${dialect.name}`}
        />
        <div className={styles.paneActions}>
          <button type="submit" className={`${controls.button} ${controls.primary} ${controls.small}`}>
            Send
          </button>
          <button type="button" className={`${controls.button} ${controls.small}`} onClick={toggle}>
            {state === "cut" ? "Resume" : "Cut"}
          </button>
          <button type="button" className={`${controls.button} ${controls.small}`} onClick={onSource}>
            Source
          </button>
        </div>
      </form>
    </section>
  );
}

function Message({ message, mine }: { readonly message: Shown; readonly mine: boolean }) {
  const { via, text, ms, late, copies, raw } = message;
  return (
    <li className={styles.message} data-mine={mine} data-via={via}>
      <p className={styles.text}>{text}</p>
      <p className={styles.facts}>
        {via !== null && <span className={styles.via}>{via}</span>}
        {late ? <span>caught up</span> : ms !== null && <span>{formatMs(ms)}</span>}
        {copies > 1 && <span title="The same event came more than once, and is shown once">×{copies}</span>}
      </p>
      <details className={styles.raw}>
        <summary>
          <span className={styles.rawLine}>{raw.replaceAll("\n", " ")}</span>
          <span className={styles.rawHide}>hide the frame</span>
        </summary>
        <pre>{raw}</pre>
      </details>
    </li>
  );
}

const formatMs = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
