import { createClient } from "redis";

/** What a batch of one short message of ours takes on the bus. */
const PAYLOAD = Buffer.alloc(700, "x");
const CHANNELS = 200;
/** Under way at any time, published and not heard yet. */
const UNDER_WAY = 2_000;

/** Published on many channels by one connection and heard by another, for so long; how many were heard a second. */
export async function barePubSub(
  url: string,
  seconds: number,
  edge: (which: "begin" | "end") => void,
): Promise<number> {
  const [from, to] = [createClient({ url }), createClient({ url })];
  for (const client of [from, to]) {
    client.on("error", () => {});
    await client.connect();
  }
  let heard = 0;
  let said = 0;
  let stopped = false;
  const publish = (): void => {
    if (!stopped) void from.sendCommand(["SPUBLISH", `c${said++ % CHANNELS}`, PAYLOAD]).catch(() => {});
  };
  try {
    const channels = Array.from({ length: CHANNELS }, (_, i) => `c${i}`);
    await to.sSubscribe(
      channels,
      () => {
        heard++;
        publish();
      },
      true,
    );
    edge("begin");
    const begun = performance.now();
    for (let i = 0; i < UNDER_WAY; i++) publish();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    stopped = true;
    edge("end");
    return heard / ((performance.now() - begun) / 1000);
  } finally {
    from.destroy();
    to.destroy();
  }
}
