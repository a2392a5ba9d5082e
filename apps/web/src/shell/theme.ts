import { browserKept } from "../kept.ts";

export type Theme = "system" | "light" | "dark";

const KEY = "parlance:theme";

export function chosenTheme(): Theme {
  const kept = browserKept.get(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Shows the app as it was chosen; the system's own way unless one was. */
export function applyTheme(theme: Theme = chosenTheme()): void {
  if (theme === "system") {
    browserKept.set(KEY, null);
    delete document.documentElement.dataset.theme;
    return;
  }
  browserKept.set(KEY, theme);
  document.documentElement.dataset.theme = theme;
}
