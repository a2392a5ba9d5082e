import { LostAnswer, Refusal } from "@parlance/protocol/errors.ts";
import type { Door } from "../core/door.ts";
import { type Mood, type Moods, pause } from "./moods.ts";

/** A door that is sometimes slow or shut, or does what it is told to and says nothing of it. */
export function capriciousDoor(door: Door, moods: Moods): Door {
  const through = async <T>({ waitBefore, fault, waitAfter }: Mood, work: () => Promise<T>): Promise<T> => {
    await pause(waitBefore);
    if (fault === "unavailable") throw new Refusal("unavailable", "unavailable", 1);
    if (fault === "timeout") {
      await pause(moods.timeoutMs);
      throw new Refusal("unavailable", "timeout", 1);
    }
    const result = await work();
    await pause(waitAfter);
    return result;
  };
  return {
    async execute(caller, command, accepted) {
      const mood = moods.next();
      const result = await through(mood, () => door.execute(caller, command, accepted));
      if (mood.fault === "after") throw new LostAnswer();
      return result;
    },
    // A dialect may ask before it commands: were that answer lost, nothing would be done and nothing be said.
    answer: (caller, query) => through(moods.next(), () => door.answer(caller, query)),
  };
}
