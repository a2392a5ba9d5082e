import type { IncomingMessage, ServerResponse } from "node:http";

/**
 * A path whose requests are answered past the framework. Host, origin, header count and URL length have been looked
 * at, preflights are answered, and the headers that every answer has are set, `x-request-id` too; all the rest is the
 * handler's, with `readJsonBody` for bodies.
 */
export interface RawRoute {
  readonly path: string;
  /** `prefix`: every path that starts with the given one. */
  readonly match: "exact" | "prefix";
  /** Requests of other methods go the common way. */
  readonly methods: readonly string[];
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface RawRoutes {
  add(route: RawRoute): void;
  /** The route that takes a request, if any. */
  find(path: string, method: string): RawRoute | undefined;
}

export function createRawRoutes(): RawRoutes {
  const exact = new Map<string, RawRoute[]>();
  const prefixes: RawRoute[] = [];
  return {
    add(route) {
      if (route.match === "prefix") prefixes.push(route);
      else exact.set(route.path, [...(exact.get(route.path) ?? []), route]);
    },
    find(path, method) {
      const takes = ({ methods }: RawRoute): boolean => methods.includes(method);
      return (
        exact.get(path)?.find(takes) ?? prefixes.find((route) => path.startsWith(route.path) && takes(route))
      );
    },
  };
}
