type CamelName<N> = N extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelName<Tail>>}` : N;
export type Camel<T> = { readonly [N in keyof T as CamelName<N>]: T[N] };

/** The names of fields are few. */
const names = new Map<string, string>();

function nameOf(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const camelled = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  names.set(name, camelled);
  return camelled;
}

/** The same with `fieldName` for `field_name`; what is inside its fields stays. */
export function camel<T extends object>(thing: T): Camel<T> {
  const camelled: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(thing)) camelled[nameOf(name)] = value;
  return camelled as Camel<T>;
}
