const WORKER = "/sw.js";

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string };
}

/**
 * Keeps the page itself, so that it opens without the server. Where the browser does not let it (in a frame of another
 * site, or without TLS) it opens with the server only.
 */
export function keepPage(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  // The page's policy lets scripts be named by this rule alone, and it knows one name.
  const rule = { createScriptURL: () => WORKER };
  const url = trustedTypes?.createPolicy("parlance", rule).createScriptURL(WORKER) ?? WORKER;
  navigator.serviceWorker.register(url).catch(() => {});
}
