import { type TSchema, Type } from "typebox";

/** What an answer with this status holds. */
export const Envelope = <T extends TSchema>(data: T) =>
  Type.Object({ success: Type.Literal(true), data, error: Type.Null() }, { additionalProperties: false });

export const ok = <T extends TSchema>(data: T) => ({ 200: Envelope(data) });
export const created = <T extends TSchema>(data: T) => ({ 201: Envelope(data) });
export const okOrCreated = <T extends TSchema>(data: T) => ({ 200: Envelope(data), 201: Envelope(data) });

export const Page = <T extends TSchema>(item: T) =>
  Type.Object(
    { items: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) },
    { additionalProperties: false },
  );
