import type { Bus } from "../../core/ports/bus.ts";
import { openRedisWire, type RedisWire, type RedisWireOptions } from "./redis-wire.ts";
import { createWiredBus } from "./wired-bus.ts";

export type RedisBus = Bus & Pick<RedisWire, "isUp" | "whenUp" | "counts">;

/** The bus of all processes that share a Redis, a namespace and a secret. */
export function createRedisBus(options: RedisWireOptions): RedisBus {
  let wire: RedisWire | undefined;
  const bus = createWiredBus(options.origin, (events) => {
    wire = openRedisWire(options, events);
    return wire;
  });
  const { isUp, whenUp, counts } = wire as RedisWire;
  return { ...bus, isUp, whenUp, counts };
}
