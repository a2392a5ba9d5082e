import type { UserCard } from "@parlance/protocol/model.ts";
import type { UserPresence } from "@parlance/protocol/queries.ts";
import { type Static, Type } from "typebox";
import { spellUserId } from "../ids.ts";
import { closed, Nullable, Text, Time, timeOrNull, UserId, UserName, upper } from "./common.ts";

export const Status = Type.Union([
  Type.Literal("ONLINE"),
  Type.Literal("AWAY"),
  Type.Literal("DND"),
  Type.Literal("OFFLINE"),
]);
export const Presence = Type.Object(
  {
    userId: UserId,
    userName: UserName,
    online: Type.Boolean(),
    status: Status,
    lastSeenAt: Nullable(Time),
    deviceType: Nullable(Text),
  },
  { title: "Presence", ...closed },
);

export const User = Type.Object(
  { userId: UserId, userName: UserName, avatarUrl: Nullable(Text), isBot: Type.Boolean() },
  { title: "User", ...closed },
);

export function presenceOf(presence: UserPresence): Static<typeof Presence> {
  const { userId, name, status, lastSeenAt, deviceType } = presence;
  return {
    userId: spellUserId(userId),
    userName: name,
    online: status !== "offline",
    status: upper(status),
    lastSeenAt: timeOrNull(lastSeenAt),
    deviceType,
  };
}

export function userOf({ id, name, avatarUrl, isBot }: UserCard): Static<typeof User> {
  return { userId: spellUserId(id), userName: name, avatarUrl, isBot };
}
