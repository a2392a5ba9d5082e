import { createHash } from "node:crypto";
import type { ApiDocument, Operation } from "./api-document.ts";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem}details{border-top:1px solid #8884;padding:.4rem 0}summary{cursor:pointer}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;background:#8881}
.method{display:inline-block;min-width:4.5rem;font-weight:600}:root{color-scheme:light dark}`;

/** The page's own style and nothing else: no scripts, nothing from elsewhere. */
export const DOCS_CSP = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; frame-ancestors 'none'`;

/** All operations of an API on one page, by tag. */
export function docsPage({ info, paths, components }: ApiDocument): string {
  const byTag = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags[0] ?? "";
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationPart(method, path, operation)]);
    }
  }
  const parts = [...byTag].map(([tag, operations]) => `<h2>${text(tag)}</h2>${operations.join("")}`);
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="${text(name)}"><summary><code>${text(name)}</code></summary>${json(schema)}</details>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${text(info.title)} API</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>
<h1>${text(info.title)} ${text(info.version)}</h1>
<p>The same for programs: <a href="/docs/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${parts.join("\n")}<h2>Schemas</h2>${schemas.join("\n")}</body></html>`;
}

function operationPart(method: string, path: string, operation: Operation): string {
  const { summary, description, parameters, requestBody, responses } = operation;
  const list = parameters.map(
    ({ name, in: where, required }) =>
      `<li><code>${text(name)}</code> in ${where}${required ? "" : ", optional"}</li>`,
  );
  return `<details><summary><code><span class="method">${text(method.toUpperCase())}</span> ${text(path)}</code> ${text(summary)}</summary>
${description === undefined ? "" : `<p>${text(description)}</p>`}${list.length === 0 ? "" : `<ul>${list.join("")}</ul>`}
${requestBody === undefined ? "" : `<p>Body</p>${json(requestBody)}`}<p>Answers</p>${json(responses)}</details>`;
}

const json = (value: object): string => `<pre>${text(JSON.stringify(value, null, 1))}</pre>`;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (given: string): string => given.replace(/[&<>"]/g, (character) => ESCAPES[character] as string);
