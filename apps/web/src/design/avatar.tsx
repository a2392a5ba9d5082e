import type { PresenceStatus } from "@parlance/client";
import styles from "./avatar.module.css";
import { Icon } from "./icon.tsx";

const STATUS_WORDS: Readonly<Record<PresenceStatus, string>> = {
  online: "online",
  away: "away",
  dnd: "do not disturb",
  offline: "offline",
};
/** The palette in avatar.module.css has as many. */
const HUES = 8;

const ICON_SIZES = { s: 14, m: 20, l: 34 } as const;

interface AvatarProps {
  /** Whatever stays the same, for the colour. */
  readonly id: string;
  readonly name: string;
  readonly kind?: "person" | "group";
  readonly size?: "s" | "m" | "l";
  readonly status?: PresenceStatus | undefined;
}

/** Initials on a colour of one's own. Pictures by address are not shown: they would be fetched from other hosts. */
export function Avatar({ id, name, kind = "person", size = "m", status }: AvatarProps) {
  return (
    <span className={styles.avatar} data-size={size} data-kind={kind} data-hue={hueOf(id)}>
      <span aria-hidden="true">
        {kind === "group" ? <Icon name="group" size={ICON_SIZES[size]} /> : initialsOf(name)}
      </span>
      {status !== undefined && (
        <span className={styles.status} data-status={status} role="img" aria-label={STATUS_WORDS[status]} />
      )}
    </span>
  );
}

function hueOf(id: string): number {
  let sum = 7;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}

function initialsOf(name: string): string {
  const words = name
    .trim()
    .split(/[\s._-]+/u)
    .filter(Boolean);
  const [first = "?", ...others] = words;
  const last = others.at(-1);
  const letters = last === undefined ? [...first].slice(0, 1) : [[...first][0], [...last][0]];
  return letters.join("").toLocaleUpperCase();
}
