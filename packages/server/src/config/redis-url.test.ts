import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "./redis-url.ts";

const plain = {
  topology: "standalone",
  tls: false,
  nodes: [{ host: "cache", port: 6379 }],
  username: undefined,
  password: undefined,
  database: 0,
  masterName: "",
  sentinelPassword: undefined,
};

describe("REDIS_URL", () => {
  test.each([
    ["redis://cache", plain],
    ["redis://cache/", plain],
    ["rediss://cache:7000/3", { ...plain, tls: true, nodes: [{ host: "cache", port: 7000 }], database: 3 }],
    ["redis://[::1]:7000", { ...plain, nodes: [{ host: "::1", port: 7000 }] }],
    ["redis://:p%40ss@cache", { ...plain, password: "p@ss" }],
    ["redis://ann:secret@cache", { ...plain, username: "ann", password: "secret" }],
    [
      "redis+cluster://a:7000,b:7001,c",
      {
        ...plain,
        topology: "cluster",
        nodes: [
          { host: "a", port: 7000 },
          { host: "b", port: 7001 },
          { host: "c", port: 6379 },
        ],
      },
    ],
    [
      "rediss+sentinel://:s@a,b:7001/main/2?sentinel-password=x",
      {
        ...plain,
        topology: "sentinel",
        tls: true,
        nodes: [
          { host: "a", port: 26379 },
          { host: "b", port: 7001 },
        ],
        password: "s",
        database: 2,
        masterName: "main",
        sentinelPassword: "x",
      },
    ],
  ])("%s", (text, expected) => expect(parseRedisUrl(text)).toEqual(expected));

  test.each([
    "",
    "cache:6379",
    "http://cache",
    "redis://",
    "redis://a,b",
    "redis://cache:0",
    "redis://cache:99999",
    "redis://cache/name",
    "redis://cache/0/1",
    "redis://cache?x=1",
    "redis://%zz:x@cache",
    "redis://secret@cache",
    "redis+cluster://a/1",
    "redis+cluster://a,,b",
    "redis+sentinel://a:26379",
  ])("%j is refused", (text) => expect(parseRedisUrl(text)).toBeUndefined());
});
