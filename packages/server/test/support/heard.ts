import type { News, Topic } from "../../src/core/ports/bus.ts";
import type { WritingNode } from "./node.ts";

/** What a node's bus says of these topics from now on. One listener per bus. */
export async function hear({ bus }: Pick<WritingNode, "bus">, ...topics: Topic[]): Promise<News[]> {
  const heard: News[] = [];
  bus.listen({ news: (news) => heard.push(...news), lost() {} });
  for (const topic of topics) await bus.subscribe(topic);
  return heard;
}
