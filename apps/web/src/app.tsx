import type { Client } from "@parlance/client";
import { ClientProvider } from "@parlance/client/react";
import { useCallback, useEffect, useState } from "react";
import {
  type Credentials,
  credentialsFromAddress,
  keepCredentials,
  keptCredentials,
  openClient,
} from "./session/session.ts";
import { SignIn } from "./session/sign-in.tsx";
import { Shell } from "./shell/shell.tsx";

/** The server refuses the token, or there is none to be had. */
const SIGNED_OUT_CODES: ReadonlySet<number | undefined> = new Set([4001, 0]);
const SIGNED_OUT = "Your sign-in has ended. Sign in again to go on; what you wrote is kept.";

/** Signed out, or a client and what is made of it. */
export function App() {
  const [client, setClient] = useState<Client | null>(firstClient);
  const [problem, setProblem] = useState<string | null>(null);

  const signIn = useCallback((credentials: Credentials) => {
    keepCredentials(credentials);
    setProblem(null);
    setClient(openClient(credentials));
  }, []);

  useEffect(() => {
    if (client === null) return;
    const stop = client.on("connection", ({ status, reason }) => {
      if (status !== "ended" || !SIGNED_OUT_CODES.has(reason?.code)) return;
      keepCredentials(null);
      setProblem(SIGNED_OUT);
      setClient(null);
    });
    client.start();
    return () => {
      stop();
      client.stop();
    };
  }, [client]);

  const signOut = useCallback(() => {
    keepCredentials(null);
    history.replaceState(null, "", location.pathname);
    setClient(null);
  }, []);

  if (client === null) return <SignIn onSignIn={signIn} problem={problem} />;
  return (
    <ClientProvider value={client}>
      <Shell onSignOut={signOut} />
    </ClientProvider>
  );
}

function firstClient(): Client | null {
  const credentials = credentialsFromAddress() ?? keptCredentials();
  if (credentials === null) return null;
  keepCredentials(credentials);
  return openClient(credentials);
}
