import type { ComponentProps } from "react";
import controls from "./controls.module.css";
import { Icon, type IconName } from "./icon.tsx";

export interface IconButtonProps extends Omit<ComponentProps<"button">, "children"> {
  readonly icon: IconName;
  /** What it does; shown to the mouse, read to those who do not see it. */
  readonly label: string;
  readonly size?: number;
}

export function IconButton({ icon, label, size = 20, className = "", ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      className={`${controls.icon} ${className}`}
      {...rest}
    >
      <Icon name={icon} size={size} />
    </button>
  );
}
