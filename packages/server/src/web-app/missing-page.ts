import { createHash } from "node:crypto";

const STYLE =
  "body{font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}code{font:14px ui-monospace,monospace;background:#8882;padding:.15em .4em;border-radius:4px}:root{color-scheme:light dark}";

/** Served in place of an app that was not built; the dialects work all the same. */
export function missingPage(): { readonly body: string; readonly csp: string } {
  const hash = createHash("sha256").update(STYLE).digest("base64");
  return {
    csp: `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'`,
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Parlance</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>The web app is not built</h1>
<p>The server runs, and all its dialects work; only this page is missing. <code>npm ci</code> builds it, and
<code>npm run build</code> alone does where the packages are installed. Then start the server again.</p>
<p><a href="/docs">The API</a> · <a href="/health">Health</a></p>
</body></html>`,
  };
}
