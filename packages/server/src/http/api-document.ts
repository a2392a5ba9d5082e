import type { ErrorShape } from "./status.ts";

/** What is known of a route where it is added; schemas are TypeBox's, which are JSON Schema. */
export interface DescribedRoute {
  /** With `:names`. */
  readonly url: string;
  readonly methods: readonly string[];
  readonly schema?: RouteSchema | undefined;
}

declare module "fastify" {
  interface FastifySchema {
    /** The route is no part of the API that is described. */
    readonly hide?: boolean;
  }
}

interface RouteSchema {
  readonly hide?: boolean;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly params?: ObjectSchema;
  readonly querystring?: ObjectSchema;
  readonly body?: object;
  readonly response?: Readonly<Record<string, object>>;
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

export interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "path" | "query";
    readonly required: boolean;
    readonly schema: object;
  }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, object>>;
}

/** As much of OpenAPI 3.1 as we say. */
export interface ApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly securitySchemes: object;
    /** The schemas that have a title, under it. */
    readonly schemas: Readonly<Record<string, object>>;
  };
}

/** Answered where they exist, and nothing to tell of. */
const UNTOLD: ReadonlySet<string> = new Set(["HEAD", "OPTIONS"]);

/** Describes all routes with the very schemas that check their requests. */
export function describeApi(
  routes: readonly DescribedRoute[],
  version: string,
  errorShapeOf: (path: string) => ErrorShape,
): ApiDocument {
  const schemas: Record<string, object> = {};
  const paths: Record<string, Record<string, Operation>> = {};
  for (const { url, methods, schema } of routes) {
    if (schema?.hide === true) continue;
    const path = url.replace(/:(\w+)/g, "{$1}");
    for (const method of methods) {
      if (UNTOLD.has(method)) continue;
      paths[path] ??= {};
      paths[path][method.toLowerCase()] = operationOf(path, schema ?? {}, errorShapeOf(path), schemas);
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "Parlance", version },
    security: [{ bearer: [] }],
    paths,
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } }, schemas },
  };
}

function operationOf(
  path: string,
  { tags, summary, description, params, querystring, body, response }: RouteSchema,
  errorShape: ErrorShape,
  schemas: Record<string, object>,
): Operation {
  const hoist = (schema: object) => hoisted(schema, schemas);
  const parametersOf = (schema: ObjectSchema | undefined, where: "path" | "query") =>
    Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
      name,
      in: where,
      required: schema?.required?.includes(name) ?? false,
      schema: hoist(property),
    }));
  const json = (schema: object) => ({ "application/json": { schema: hoist(schema) } });
  const answers = Object.entries(response ?? { 200: {} }).map(([status, schema]) => [
    status,
    { description: status === "201" ? "Made" : "Done", content: json(schema) },
  ]);
  const example = errorShape({ status: 400, code: "invalid", message: "…", retryAfter: undefined });
  return {
    tags: tags ?? [path.split("/").slice(1, 3).join("/")],
    summary: summary ?? "",
    ...(description !== undefined && { description }),
    parameters: [...parametersOf(params, "path"), ...parametersOf(querystring, "query")],
    ...(body !== undefined && { requestBody: { content: json(body) } }),
    responses: {
      ...Object.fromEntries(answers),
      default: { description: "Refused", content: { "application/json": { example } } },
    },
  };
}

/** A copy as plain JSON, in which each schema with a title is a reference to `schemas`. */
function hoisted(schema: object, schemas: Record<string, object>): object {
  const copy = Array.isArray(schema)
    ? schema.map((part) => hoistedPart(part, schemas))
    : Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, hoistedPart(part, schemas)]));
  const { title } = schema as { readonly title?: unknown };
  if (typeof title !== "string") return copy;
  const before = schemas[title] ?? copy;
  if (JSON.stringify(before) !== JSON.stringify(copy)) throw new Error(`two schemas are called ${title}`);
  schemas[title] = copy;
  return { $ref: `#/components/schemas/${title}` };
}

const hoistedPart = (part: unknown, schemas: Record<string, object>): unknown =>
  typeof part === "object" && part !== null ? hoisted(part, schemas) : part;
