import type { ReactNode } from "react";
import controls from "./controls.module.css";
import { Dialog } from "./dialog.tsx";

interface AskDialogProps {
  readonly title: string;
  /** What is done, as it stands on the button. */
  readonly action: string;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** A form inside that the button submits, by its id; without one it calls `onAction`. */
  readonly form?: string;
  readonly onAction?: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A window in which one does something, or leaves it. */
export function AskDialog({
  title,
  action,
  danger = false,
  disabled = false,
  form,
  onAction,
  onClose,
  children,
}: AskDialogProps) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <button type="button" className={controls.button} onClick={onClose}>
            Cancel
          </button>
          <button
            type={form === undefined ? "button" : "submit"}
            form={form}
            className={`${controls.button} ${danger ? controls.danger : controls.primary}`}
            disabled={disabled}
            onClick={onAction}
          >
            {action}
          </button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}
