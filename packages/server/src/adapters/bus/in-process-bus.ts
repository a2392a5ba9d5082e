import type { Bus, Topic } from "../../core/ports/bus.ts";

/** The bus of a single process: news is passed on in the call that publishes it. */
export function createInProcessBus(): Bus {
  const topics = new Set<Topic>(["everyone"]);
  let listener: Parameters<Bus["listen"]>[0] | null = null;
  return {
    publish(news) {
      const wanted = news.filter((item) => topics.has(item.topic));
      if (wanted.length > 0) listener?.news(wanted);
    },
    async subscribe(topic) {
      topics.add(topic);
    },
    unsubscribe(topic) {
      topics.delete(topic);
    },
    listen(own) {
      listener = own;
    },
    async close() {
      listener = null;
    },
  };
}
