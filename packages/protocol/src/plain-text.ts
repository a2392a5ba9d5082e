import type { Message } from "./model.ts";

/** What a message says in a dialect that knows no attachments: of one without a text, its files' names in brackets. */
export function plainText({ content, attachments }: Pick<Message, "content" | "attachments">): string {
  if (attachments === null || /\S/u.test(content)) return content;
  return attachments.map(({ fileName }) => `[${fileName}]`).join(" ");
}
