/** An hour of a busy day in some minutes, told to an open app: what it holds, at equal intervals. */
import { conversation, message } from "../test/support/people.ts";
import { openStage, type Voice } from "./stage.ts";

const PEOPLE = 8;
const GROUPS = 6;
const EMOJI = ["👍", "❤️", "😂", "🎉"];

export async function measureTraffic(options: {
  readonly messages: number;
  readonly intervals: number;
}): Promise<void> {
  const { messages, intervals } = options;
  await using stage = await openStage();
  const ada = await stage.voice("ada", "Ada");
  const others: Voice[] = [];
  for (let i = 0; i < PEOPLE; i++) others.push(await stage.voice(`person-${i}`, `Person ${i}`));
  const groups: string[] = [];
  for (let i = 0; i < GROUPS; i++) {
    const userIds = others.map(({ user }) => user);
    const { id } = await ada.rest("POST", "/conversations", { name: `Group ${i}`, userIds });
    groups.push(String(id));
  }
  const seat = await stage.enter("Ada");
  const { page } = seat;
  const nthOf = <T>(all: readonly T[], n: number): T => all[n % all.length] as T;

  let said = 0;
  /** Who looks goes from group to group; the others say, react, type, read, come and go. */
  const talk = async (count: number): Promise<void> => {
    for (const end = said + count; said < end; said++) {
      const group = nthOf(groups, said * 7 + (said >> 5));
      const who = nthOf(others, said);
      const content = `number ${said + 1}. ${"more of it ".repeat(said % 23)}`;
      if (said % 5 === 0) await who.stream("typing", { conversation_id: group, typing: true });
      const key = `said-${said}`;
      await who.stream("message.send", { conversation_id: group, message_id: key, content });
      const other = nthOf(others, said + 3);
      if (said % 4 === 0) {
        await who.stream("reaction.add", {
          conversation_id: group,
          message_id: key,
          emoji: nthOf(EMOJI, said >> 2),
        });
      }
      if (said % 20 === 0) await other.stream("read", { conversation_id: group });
      if (said % 40 === 0) {
        await other.stream("presence", { status: said % 80 === 0 ? "away" : "online" });
      }
      if (said % 50 === 0) {
        await who.stream("message.edit", { conversation_id: group, message_id: key, content: `${content}!` });
      }
      if (said % 400 === 0) await conversation(page, `Group ${(said / 400) % GROUPS}`).click();
    }
    await Promise.all(others.map((other) => other.settled()));
  };

  for (let interval = 0; interval <= intervals; interval++) {
    const count = interval === 0 ? Math.ceil(messages / intervals / 4) : Math.ceil(messages / intervals);
    await talk(count);
    // Always in the same place when it is looked at.
    await conversation(page, "Group 0").click();
    await ada.rest("POST", `/conversations/${groups[0]}/messages`, { content: `after ${said}.` });
    await message(page, `after ${said}.`).waitFor();
    const { heapMiB, nodes, listeners } = await seat.held();
    console.log(`after ${said} messages: ${heapMiB.toFixed(1)} MiB, ${nodes} nodes, ${listeners} listeners`);
  }
}
