/** @param patterns media types, in lower case, or families of them: `image/png`, `image/*`, `*` */
export function isTypeIn(patterns: readonly string[], contentType: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("/*")
      ? contentType.startsWith(pattern.slice(0, -1))
      : pattern === "*" || pattern === contentType,
  );
}
