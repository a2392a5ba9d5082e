import { Refusal } from "@parlance/protocol/errors.ts";
import type { Door } from "../core/door.ts";
import { type Moods, pause } from "./moods.ts";

/** A door that is sometimes slow or shut, or does what it is asked and says nothing of it. */
export function capriciousDoor(door: Door, moods: Moods): Door {
  const through = async <T>(work: () => Promise<T>): Promise<T> => {
    const { waitBefore, fault, waitAfter } = moods.next();
    await pause(waitBefore);
    if (fault === "unavailable") throw new Refusal("unavailable", "unavailable", 1);
    if (fault === "timeout") {
      await pause(moods.timeoutMs);
      throw new Refusal("unavailable", "timeout", 1);
    }
    const result = await work();
    await pause(waitAfter);
    return fault === "after" ? await new Promise<never>(() => {}) : result;
  };
  return {
    execute: (caller, command, accepted) => through(() => door.execute(caller, command, accepted)),
    answer: (caller, query) => through(() => door.answer(caller, query)),
  };
}
