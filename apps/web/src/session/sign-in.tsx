import { type FormEvent, useEffect, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { Logo } from "../design/logo.tsx";
import { FACTS } from "../facts.ts";
import { browserKept } from "../kept.ts";
import { announce, onToken } from "./embedder.ts";
import { type Credentials, userIdOf } from "./session.ts";
import styles from "./sign-in.module.css";

interface SignInProps {
  readonly onSignIn: (credentials: Credentials) => void;
  /** Why one is here again. */
  readonly problem: string | null;
}

const RECENT = "parlance:recent";
const MAX_RECENT = 4;

export function SignIn({ onSignIn, problem }: SignInProps) {
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Logo size={44} />
        <h1>Parlance</h1>
        {problem !== null && (
          <p className={styles.problem} role="alert">
            {problem}
          </p>
        )}
        {FACTS.openMode ? <ByName onSignIn={onSignIn} /> : <ByToken onSignIn={onSignIn} />}
      </div>
      <p className={styles.foot}>
        <a href="/dialects">Five dialects, one conversation</a> · <a href="/docs">API</a>
      </p>
    </main>
  );
}

function ByName({ onSignIn }: Pick<SignInProps, "onSignIn">) {
  const [name, setName] = useState("");
  const recent = readRecent();

  function enter(chosen: string): void {
    const names = [chosen, ...recent.filter((known) => known !== chosen)].slice(0, MAX_RECENT);
    browserKept.set(RECENT, JSON.stringify(names));
    onSignIn({ kind: "name", userId: userIdOf(chosen), name: chosen });
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    const chosen = name.trim();
    if (chosen !== "") enter(chosen);
  }

  return (
    <>
      <form className={styles.form} onSubmit={submit}>
        <label className={controls.label}>
          Your name
          <input
            className={controls.field}
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={100}
            autoComplete="nickname"
            // biome-ignore lint/a11y/noAutofocus: it is all there is to do here
            autoFocus
          />
        </label>
        <button
          type="submit"
          className={`${controls.button} ${controls.primary}`}
          disabled={name.trim() === ""}
        >
          Enter
        </button>
      </form>
      {recent.length > 0 && (
        <div className={styles.recent}>
          <p>or go on as</p>
          <ul>
            {recent.map((one) => (
              <li key={one}>
                <button type="button" onClick={() => enter(one)}>
                  <Avatar id={userIdOf(one)} name={one} size="s" />
                  {one}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
      <p className={styles.hint}>
        This server is in open mode: it believes everybody who reaches it. Open a second tab and enter under
        another name to talk to yourself.
      </p>
    </>
  );
}

function ByToken({ onSignIn }: Pick<SignInProps, "onSignIn">) {
  const [token, setToken] = useState("");

  useEffect(() => {
    const stop = onToken(FACTS.origins, (given) => onSignIn({ kind: "token", token: given }));
    announce(FACTS.origins);
    return stop;
  }, [onSignIn]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    onSignIn({ kind: "token", token: token.trim() });
  }

  return (
    <>
      <form className={styles.form} onSubmit={submit}>
        <label className={controls.label}>
          Token
          <textarea
            className={`${controls.field} ${styles.token}`}
            value={token}
            onChange={(event) => setToken(event.target.value)}
            spellCheck={false}
            autoComplete="off"
            rows={4}
          />
        </label>
        <button
          type="submit"
          className={`${controls.button} ${controls.primary}`}
          disabled={token.trim() === ""}
        >
          Sign in
        </button>
      </form>
      <p className={styles.hint}>
        Your application signs you in by itself where it shows Parlance. Otherwise paste the token that it
        made for you; it is kept until you close this tab.
      </p>
    </>
  );
}

function readRecent(): readonly string[] {
  try {
    const names: unknown = JSON.parse(browserKept.get(RECENT) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string").slice(0, MAX_RECENT) : [];
  } catch {
    return [];
  }
}
