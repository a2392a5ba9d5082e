import { Type } from "typebox";
import { type SpelledUserId, spellUserId } from "../ids.ts";

export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const Id = Type.Integer({ minimum: 1 });
/** RFC 3339, UTC, milliseconds. */
export const Time = Type.String({ format: "date-time" });
export const Text = Type.String();
export const UserId = Type.Union([Type.Integer(), Type.String()], {
  description: "A number where the id is a plain decimal integer below 2^53, else a string",
});
export const UserName = Nullable(Text);

/** No field that is not named. */
export const closed = { additionalProperties: false };

export const timeOf = (ms: number): string => new Date(ms).toISOString();
export const timeOrNull = (ms: number | null): string | null => (ms === null ? null : timeOf(ms));
export const upper = <T extends string>(word: T): Uppercase<T> => word.toUpperCase() as Uppercase<T>;
export const userOrNull = (id: string | null): SpelledUserId | null => (id === null ? null : spellUserId(id));
