import type { ErrorCode } from "@parlance/protocol/errors.ts";
import type { App } from "./app.ts";
import { type ErrorShape, sharedErrorShape } from "./status.ts";

/** A part of the URL space: its routes, and how errors under its prefixes look. */
export interface RouteScope {
  /** Whole path segments (`/api/v1/chat` holds `/api/v1/chat/x` and not `/api/v1/chats`); the longest wins. */
  readonly prefixes: readonly string[];
  /** Used for all errors under the prefixes, thrown or found before any route: 404, 405, 413, 415. */
  readonly errorShape: ErrorShape;
  /** Where the dialect's document has another status than the common one. */
  readonly status?: Partial<Record<ErrorCode, number>>;
  /** Paths whose bodies may be long under way: their routes read them as they come, and watch over their pace. */
  readonly uploads?: readonly string[];
  /** Adds the routes to a Fastify scope of their own: hooks and body parsers added there stay there. */
  readonly routes: (app: App) => void;
}

export interface ScopeRegister {
  add(scope: RouteScope): void;
  addRoute(url: string, methods: readonly string[]): void;
  scopeOf(path: string): Pick<RouteScope, "errorShape" | "status">;
  isUpload(path: string): boolean;
  /** Methods that some route takes at a path; empty where the path is unknown. */
  methodsOf(path: string): readonly string[];
}

const SHARED = { errorShape: sharedErrorShape };

export function createScopeRegister(): ScopeRegister {
  const byPrefix: [string, RouteScope][] = [];
  const uploads = new Set<string>();
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  return {
    add(scope) {
      byPrefix.push(...scope.prefixes.map((prefix): [string, RouteScope] => [prefix, scope]));
      for (const path of scope.uploads ?? []) uploads.add(path);
      byPrefix.sort(([a], [b]) => b.length - a.length);
    },
    addRoute(url, methods) {
      routes.push({ pattern: patternOf(url), methods });
    },
    scopeOf(path) {
      const found = byPrefix.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
      return found?.[1] ?? SHARED;
    },
    isUpload: (path) => uploads.has(path),
    methodsOf(path) {
      const found = routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
      return [...new Set(found)];
    },
  };
}

/** Fastify's own look-up is by method first and so cannot say which others a path has. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/:\w+/g, "[^/]+")
    .replaceAll("*", ".*");
  return new RegExp(`^${source}$`);
}

/** A request's path, without its query. */
export function pathOf(url: string | undefined): string {
  return (url ?? "/").split("?", 1)[0]!;
}

/** A request's query; a name that comes twice has a list. */
export function queryOf(url: string | undefined): Readonly<Record<string, string | string[]>> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams((url ?? "").split("?")[1] ?? "")) {
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}
