/** Whether a type is one of the patterns: `image/png`, `image/*` or `*`; without any, every type is. */
export function isTypeAllowed(contentType: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) =>
    pattern.endsWith("/*")
      ? contentType.startsWith(pattern.slice(0, -1))
      : pattern === "*" || pattern === contentType,
  );
}
