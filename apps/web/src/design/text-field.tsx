import controls from "./controls.module.css";

interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly maxLength: number;
  readonly placeholder?: string;
  /** Of a text of several lines. */
  readonly rows?: number;
}

export function TextField({ label, onChange, rows, ...rest }: TextFieldProps) {
  const field = {
    ...rest,
    className: controls.field,
    onChange: ({ target }: { readonly target: { readonly value: string } }) => onChange(target.value),
  };
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: one of two stands in it
    <label className={controls.label}>
      {label}
      {rows === undefined ? <input {...field} /> : <textarea {...field} rows={rows} />}
    </label>
  );
}
