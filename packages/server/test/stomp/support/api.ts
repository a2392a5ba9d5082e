import { Compile, type Validator } from "typebox/compile";
import { expect } from "vitest";
import type { Answer, ServerProcess } from "../../support/server.ts";

interface Described {
  readonly paths: Record<string, Record<string, { responses: Record<string, DescribedResponse> }>>;
  readonly components: { readonly schemas: Record<string, object> };
}
interface DescribedResponse {
  readonly content: { readonly "application/json": { readonly schema?: object } };
}

/** The REST API of a server; every answer under `/api/chat` is held to what the API document says of it. */
export interface Api {
  /** `METHOD /api/chat/…/{id}` of all its operations. */
  readonly operations: readonly string[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @param token where the API's description needs one */
export async function openApi(server: ServerProcess, token?: string): Promise<Api> {
  const described: Described = (
    await server.request(
      "/docs/openapi.json",
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    )
  ).body;
  const { schemas } = described.components;
  const validators = new Map<string, Validator>();
  const validatorOf = (name: string, schema: object): Validator => {
    let validator = validators.get(name);
    if (validator === undefined) {
      validator = Compile(resolved(schema, schemas) as never) as Validator;
      validators.set(name, validator);
    }
    return validator;
  };
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter(() => path.startsWith("/api/chat"))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  const patterns = Object.keys(described.paths)
    .toSorted((a, b) => a.split("{").length - b.split("{").length)
    .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`) }));

  return {
    operations,
    async call(method, path, { token: own, body, headers = {} } = {}) {
      const answer = await server.request(path, {
        method,
        headers: { ...(own !== undefined && { authorization: `Bearer ${own}` }), ...headers },
        ...(body !== undefined && { body }),
      });
      const found = patterns.find(({ pattern }) => pattern.test(path.split("?", 1)[0] as string))?.path ?? "";
      const what = `${method} ${path} ${answer.status} ${JSON.stringify(answer.body).slice(0, 2_000)}`;
      if (answer.status >= 400) {
        expect(answer.body, what).toEqual({ success: false, error: expect.any(String), data: null });
        return answer;
      }
      const response = described.paths[found]?.[method.toLowerCase()]?.responses[answer.status];
      const schema = response?.content["application/json"].schema;
      expect(schema, `${what} is not described`).toBeDefined();
      const validator = validatorOf(`${method} ${found} ${answer.status}`, schema as object);
      expect([...validator.Errors(answer.body)], what).toEqual([]);
      return answer;
    },
  };
}

/** With what is referred to in its place. */
function resolved(schema: unknown, schemas: Record<string, object>): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((part) => resolved(part, schemas));
  const { $ref } = schema as { $ref?: string };
  if ($ref !== undefined) return resolved(schemas[$ref.split("/").at(-1) as string], schemas);
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, resolved(part, schemas)]));
}

/** Somebody with a token. */
export interface Person {
  readonly id: string;
  readonly token: string;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  put(path: string, body?: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
}

/** Paths are below `/api/chat`. */
export function personWith(api: Api, id: string, token: string): Person {
  const call = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) =>
    api.call(method, `/api/chat${path}`, { token, body, ...(headers !== undefined && { headers }) });
  return {
    id,
    token,
    get: (path) => call("GET", path),
    post: (path, body, headers) => call("POST", path, body, headers),
    put: (path, body) => call("PUT", path, body),
    delete: (path) => call("DELETE", path),
  };
}

/** In open mode: whoever one likes. */
export async function personOf(
  server: ServerProcess,
  api: Api,
  id: string,
  name: string | null = null,
): Promise<Person> {
  const { body } = await server.request("/api/dev/token", {
    body: { user: id, ...(name !== null && { name }) },
  });
  return personWith(api, id, body.token);
}

/** A group by its first person; gives its id. */
export async function groupOf(owner: Person, others: readonly Person[], more: object = {}): Promise<number> {
  const { body } = await owner.post("/conversations", {
    name: "Group",
    participantIds: others.map(({ id }) => id),
    ...more,
  });
  return body.data.id;
}

/** Says something; gives the message. */
export async function say(person: Person, conversationId: number, content: string, more: object = {}) {
  const { status, body } = await person.post(`/conversations/${conversationId}/messages`, {
    content,
    ...more,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.data;
}
