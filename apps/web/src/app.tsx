import { ClientProvider } from "@parlance/client/react";
import { useCallback, useEffect, useState } from "react";
import {
  type Credentials,
  credentialsFromAddress,
  keepCredentials,
  keptCredentials,
  openSession,
  type Session,
} from "./session/session.ts";
import { SignIn } from "./session/sign-in.tsx";
import { Shell } from "./shell/shell.tsx";

/** The server refuses the token, or there is none to be had. */
const SIGNED_OUT_CODES: ReadonlySet<number | undefined> = new Set([4001, 0]);
const SIGNED_OUT = "Your sign-in has ended. Sign in again to go on; what you wrote is kept.";

/** Signed out, or a client and what is made of it. */
export function App() {
  const [session, setSession] = useState<Session | null>(firstSession);
  const [problem, setProblem] = useState<string | null>(null);

  const signIn = useCallback((credentials: Credentials) => {
    keepCredentials(credentials);
    setProblem(null);
    setSession(openSession(credentials));
  }, []);

  useEffect(() => {
    if (session === null) return;
    const stop = session.client.on("connection", ({ status, reason }) => {
      if (status !== "ended" || !SIGNED_OUT_CODES.has(reason?.code)) return;
      keepCredentials(null);
      setProblem(SIGNED_OUT);
      setSession(null);
    });
    session.start();
    return () => {
      stop();
      session.stop();
    };
  }, [session]);

  const signOut = useCallback(() => {
    keepCredentials(null);
    history.replaceState(null, "", location.pathname);
    session?.forget();
    setSession(null);
  }, [session]);

  if (session === null) return <SignIn onSignIn={signIn} problem={problem} />;
  return (
    <ClientProvider value={session.client}>
      <Shell onSignOut={signOut} />
    </ClientProvider>
  );
}

function firstSession(): Session | null {
  const credentials = credentialsFromAddress() ?? keptCredentials();
  if (credentials === null) return null;
  keepCredentials(credentials);
  return openSession(credentials);
}
