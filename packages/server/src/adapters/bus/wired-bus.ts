import type { Bus, News, Topic } from "../../core/ports/bus.ts";
import { decodeNews, encodeNews } from "./payload.ts";

/** Carries payloads to the other processes that want their topic; this one's own may come back. */
export interface Wire {
  publish(topic: Topic, payload: Buffer): void;
  subscribe(topic: Topic): Promise<void>;
  unsubscribe(topic: Topic): void;
  close(): Promise<void>;
}

export interface WireEvents {
  heard(payload: Buffer): void;
  /** Something may have been said that was not heard. */
  gap(): void;
}

/**
 * A bus over a wire. What is said here is heard here at once, whether or not the wire takes it; the others hear it
 * when it does.
 * @param origin names this process among them
 */
export function createWiredBus(origin: string, connect: (events: WireEvents) => Wire): Bus {
  const topics = new Set<Topic>(["everyone"]);
  let listener: Parameters<Bus["listen"]>[0] | null = null;
  let isClosed = false;

  const hear = (news: readonly News[]): void => {
    const wanted = news.filter((item) => topics.has(item.topic));
    if (wanted.length > 0) listener?.news(wanted);
  };
  const events: WireEvents = {
    heard(payload) {
      const said = decodeNews(payload);
      if (said !== null && said.origin !== origin) hear(said.news);
    },
    gap: () => listener?.lost(),
  };
  const wire = connect(events);

  return {
    publish(news) {
      if (isClosed) return;
      hear(news);
      for (const [topic, items] of Map.groupBy(news, (item) => item.topic)) {
        for (const payload of encodeNews(origin, items)) wire.publish(topic, payload);
      }
    },
    async subscribe(topic) {
      topics.add(topic);
      await wire.subscribe(topic);
    },
    unsubscribe(topic) {
      if (topics.delete(topic)) wire.unsubscribe(topic);
    },
    listen(own) {
      listener = own;
    },
    async close() {
      isClosed = true;
      listener = null;
      await wire.close();
    },
  };
}
