import { describe } from "vitest";
import { changes } from "./store/changes.ts";
import { countedPages } from "./store/counted-pages.ts";
import { type StoreScene, storeTest } from "./store/fixture.ts";
import { marksAndLists } from "./store/marks-and-lists.ts";
import { messageDetails } from "./store/message-details.ts";
import { messages } from "./store/messages.ts";
import { people } from "./store/people.ts";
import { ticks } from "./store/ticks.ts";
import { usersAndIds } from "./store/users-and-ids.ts";

/** What `core/ports` promises of a store, for every store there is. */
export function storeContract(name: string, open: () => Promise<StoreScene>): void {
  describe(name, () => {
    const test = storeTest(open);
    messages(test);
    countedPages(test);
    messageDetails(test);
    changes(test);
    marksAndLists(test);
    ticks(test);
    people(test);
    usersAndIds(test);
  });
}
