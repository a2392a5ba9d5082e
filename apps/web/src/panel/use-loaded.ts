import { useEffect, useState } from "react";

export interface Loaded<T> {
  readonly value: T | null;
  readonly problem: string | null;
}

/** What a panel asks for when it opens, and again whenever `version` is another. */
export function useLoaded<T>(load: () => Promise<T>, version: unknown): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: null, problem: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` says when
  useEffect(() => {
    let current = true;
    load().then(
      (value) => current && setLoaded({ value, problem: null }),
      (error: Error) => current && setLoaded({ value: null, problem: error.message }),
    );
    return () => {
      current = false;
    };
  }, [version]);
  return loaded;
}
