/** Newest first: the first that a client offers is spoken. */
export const VERSIONS = ["1.2", "1.1", "1.0"] as const;

export type StompVersion = (typeof VERSIONS)[number];
