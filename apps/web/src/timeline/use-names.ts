import type { Conversation } from "@parlance/client";
import { useMemo } from "react";
import type { Names } from "./markdown.tsx";

/** What those in a conversation are called; the same object for as long as they are the same. */
export function useNames({ participants }: Conversation): Names {
  return useMemo(
    () => new Map(participants.map(({ userId, name }) => [userId, name ?? userId])),
    [participants],
  );
}
