import { EmojiPicker as Base } from "frimousse";
import styles from "./emoji.module.css";

/** All emoji, by group and by name; their data come from our own address. */
export function EmojiPicker({ onPick }: { readonly onPick: (emoji: string) => void }) {
  return (
    <Base.Root
      className={styles.picker}
      columns={8}
      emojibaseUrl={`${location.origin}/emoji`}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
    >
      <Base.Search
        className={styles.search}
        placeholder="Find an emoji"
        aria-label="Find an emoji"
        autoFocus
      />
      <Base.Viewport className={styles.viewport}>
        <Base.Loading className={styles.wait}>Loading…</Base.Loading>
        <Base.Empty className={styles.wait}>There is none of that name.</Base.Empty>
        <Base.List
          className={styles.list}
          components={{
            CategoryHeader: ({ category, ...props }) => (
              <div {...props} className={styles.category}>
                {category.label}
              </div>
            ),
            Row: ({ children, ...props }) => (
              <div {...props} className={styles.line}>
                {children}
              </div>
            ),
            Emoji: ({ emoji, ...props }) => (
              <button type="button" {...props} className={styles.emoji} data-active={emoji.isActive}>
                {emoji.emoji}
              </button>
            ),
          }}
        />
      </Base.Viewport>
    </Base.Root>
  );
}
