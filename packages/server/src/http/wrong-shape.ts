import type { TSchema } from "typebox";
import type { Validator } from "typebox/compile";

/**
 * What is wrong with a value that does not fit its schema, for who sent it: `body.role must be one of OWNER,
 * ADMIN, MEMBER`. `part` is what the sender calls the value. Of several faults it names the first.
 */
export function wrongShape(
  part: string,
  validator: Validator<Record<never, TSchema>, TSchema>,
  value: unknown,
): string {
  const errors = validator.Errors(value);
  const [first] = errors;
  if (first === undefined) return `${part} is not valid`;
  // A union that nothing fits has an error for each of its members, then its own.
  const alternatives = errors.filter(({ instancePath }) => instancePath === first.instancePath);
  const constants = alternatives.flatMap((error) =>
    error.keyword === "const" ? [String(error.params.allowedValue)] : [],
  );
  const message =
    first.keyword === "const"
      ? `must be ${constants.length > 1 ? "one of " : ""}${constants.join(", ")}`
      : first.message;
  return `${part}${first.instancePath.replaceAll("/", ".")} ${message}`;
}
