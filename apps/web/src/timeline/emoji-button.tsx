import { Popover } from "@base-ui/react/popover";
import { lazy, Suspense, useState } from "react";
import { IconButton } from "../design/icon-button.tsx";
import styles from "./emoji.module.css";

/** Loaded with the first look: most never open it. */
const EmojiPicker = lazy(() =>
  import("./emoji-picker.tsx").then(({ EmojiPicker: picker }) => ({ default: picker })),
);

interface EmojiButtonProps {
  readonly label: string;
  readonly onPick: (emoji: string) => void;
  readonly onOpenChange?: (open: boolean) => void;
  readonly size?: number;
}

export function EmojiButton({ label, onPick, onOpenChange, size = 18 }: EmojiButtonProps) {
  const [isOpen, setOpen] = useState(false);
  function change(open: boolean): void {
    setOpen(open);
    onOpenChange?.(open);
  }
  return (
    <Popover.Root open={isOpen} onOpenChange={change}>
      <Popover.Trigger render={<IconButton icon="smile" label={label} size={size} />} />
      <Popover.Portal>
        <Popover.Positioner className={styles.positioner} align="end" sideOffset={6} collisionPadding={8}>
          <Popover.Popup className={styles.popup} aria-label="Emoji">
            <Suspense fallback={<p className={styles.wait}>Loading…</p>}>
              <EmojiPicker
                onPick={(emoji) => {
                  change(false);
                  onPick(emoji);
                }}
              />
            </Suspense>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
