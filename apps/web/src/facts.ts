/** What the server has written into the page. */
const fact = (name: string): string =>
  document.querySelector<HTMLMetaElement>(`meta[name="parlance-${name}"]`)?.content ?? "";

export const FACTS = {
  /** In open mode the server believes whoever calls. */
  openMode: fact("mode") === "open",
  /** Origins that may hand over a token. */
  origins: fact("origins").split(" ").filter(Boolean) as readonly string[],
} as const;
