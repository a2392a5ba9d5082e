import { Refusal } from "@parlance/protocol/errors.ts";
import type { FastifySchemaCompiler } from "fastify";
import { IsOptional, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { wrongShape } from "./wrong-shape.ts";

/**
 * Checks a part of a request against its TypeBox schema. A body must fit as it is, and may be
 * left out where the schema is optional. Query, path and header
 * values are texts: whole numbers and true/false are read where the schema says so, nothing else is converted.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const part = httpPart === "querystring" ? "query" : (httpPart ?? "body");
  const properties =
    (schema as { properties?: Readonly<Record<string, { type?: string }>> }).properties ?? {};
  return (given: unknown) => {
    if ((given ?? null) === null && IsOptional(schema)) return { value: given };
    const value = part === "body" ? given : readTexts(given, properties);
    if (validator.Check(value)) return { value };
    return { error: new Refusal("invalid", wrongShape(part, validator, value)) };
  };
};

function readTexts(given: unknown, properties: Readonly<Record<string, { type?: string }>>): unknown {
  if (typeof given !== "object" || given === null) return given;
  const read = Object.entries(given).map(([name, value]) => [
    name,
    typeof value === "string" && Object.hasOwn(properties, name)
      ? readText(value, properties[name]!.type)
      : value,
  ]);
  return Object.fromEntries(read);
}

function readText(text: string, type: string | undefined): unknown {
  if ((type === "integer" || type === "number") && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
