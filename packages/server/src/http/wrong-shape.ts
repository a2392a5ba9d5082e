import type { TSchema } from "typebox";
import type { Validator } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";

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
  const same = errors.filter(({ instancePath }) => instancePath === first.instancePath);
  return `${part}${first.instancePath.replaceAll("/", ".")} ${choiceIn(same) ?? first.message}`;
}

const CHOICES = new Set(["const", "enum", "type", "anyOf"]);

/** What there is to choose from, where that is all that is wrong; null else. */
function choiceIn(errors: readonly TLocalizedValidationError[]): string | null {
  if (errors.some(({ keyword }) => !CHOICES.has(keyword))) return null;
  const values = errors.flatMap((error) => {
    if (error.keyword === "const") return [error.params.allowedValue];
    return error.keyword === "enum" ? error.params.allowedValues : [];
  });
  if (values.length > 0) return `must be ${values.length > 1 ? "one of " : ""}${values.join(", ")}`;
  const types = new Set(errors.flatMap((error) => (error.keyword === "type" ? error.params.type : [])));
  return types.size > 0 ? `must be ${[...types].join(" or ")}` : null;
}
