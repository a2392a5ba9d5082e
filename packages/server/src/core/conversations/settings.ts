import { Refusal } from "@parlance/protocol/errors.ts";
import { type ConversationSettings, DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import { checkText, isLonger } from "../messages/content.ts";

export const MAX_NAME_LENGTH = 200;
const MAX_DESCRIPTION_LENGTH = 2_000;
const MAX_URL_LENGTH = 2_000;
const MAX_FILE_TYPES = 100;
/** More than any server takes: a typing error is told from a limit. */
const LARGEST_FILE_MB = 1_000_000;

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})$/;

/** What a conversation is called and shows of itself. */
export interface Face {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly avatarUrl?: string | null;
}

export function checkFace({ name, description, avatarUrl }: Face): void {
  if (typeof name === "string") {
    checkText(name, "name");
    if (name.trim() === "" || isLonger(name, MAX_NAME_LENGTH)) {
      throw new Refusal("invalid", `name must have 1 to ${MAX_NAME_LENGTH} characters`);
    }
  }
  if (typeof description === "string") checkLength(description, "description", MAX_DESCRIPTION_LENGTH);
  if (typeof avatarUrl === "string") checkUrl(avatarUrl, "avatarUrl");
}

/** Of a picture; relative ones are as safe as the page that they are on. */
const PICTURE_SCHEME = /^(https?:|data:image\/(png|jpeg|gif|webp|avif)[;,])/i;
const ANY_SCHEME = /^[^/?#]*:/;

/** A picture's address: given back as it is, and never fetched here. None that a client could run by following it. */
export function checkUrl(url: string, name: string): void {
  checkLength(url, name, MAX_URL_LENGTH);
  // Browsers leave out what is blank before a scheme and within it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is left out
  const read = url.replace(/[\x00-\x20]+/g, "");
  if (ANY_SCHEME.test(read) && !PICTURE_SCHEME.test(read)) {
    throw new Refusal("invalid", `${name} must be an http:// or https:// URL`);
  }
}

/** Refuses what is no setting or has no value it may have; media types come back in lower case. */
export function checkSettings(settings: Partial<ConversationSettings>): Partial<ConversationSettings> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!Object.hasOwn(DEFAULT_SETTINGS, name)) throw new Refusal("invalid", "There is no such setting");
    if (name === "maxFileSizeMb") checkFileSize(value);
    else if (name === "allowedFileTypes") checkFileTypes(value);
    else if (typeof value !== "boolean") throw new Refusal("invalid", `${name} must be true or false`);
  }
  const types = settings.allowedFileTypes;
  const checked = Object.fromEntries(given) as Partial<ConversationSettings>;
  return types ? { ...checked, allowedFileTypes: types.map((type) => type.toLowerCase()) } : checked;
}

function checkFileSize(value: unknown): void {
  const isSize = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LARGEST_FILE_MB;
  if (value !== null && !isSize) {
    throw new Refusal(
      "invalid",
      `maxFileSizeMb must be a whole number from 1 to ${LARGEST_FILE_MB}, or null`,
    );
  }
}

function checkFileTypes(value: unknown): void {
  if (value === null) return;
  const isList = Array.isArray(value) && value.length <= MAX_FILE_TYPES;
  if (!isList || !value.every((type) => typeof type === "string" && MEDIA_TYPE.test(type.toLowerCase()))) {
    throw new Refusal(
      "invalid",
      `allowedFileTypes must be at most ${MAX_FILE_TYPES} media types such as image/png or image/*, or null`,
    );
  }
}

function checkLength(text: string, name: string, max: number): void {
  checkText(text, name);
  if (isLonger(text, max)) throw new Refusal("invalid", `${name} is longer than ${max} characters`);
}
