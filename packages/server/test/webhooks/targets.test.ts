import { describe, expect, test } from "vitest";
import { isPublicAddress } from "../../src/adapters/outgoing/addresses.ts";
import { createPoster, systemResolve } from "../../src/adapters/outgoing/post.ts";
import { isOwnHost, mayConnectTo } from "../../src/adapters/outgoing/reach.ts";
import { createTargets, type Resolve } from "../../src/adapters/outgoing/targets.ts";
import { openReceiver } from "./support/receiver.ts";

const PUBLIC = { address: "93.184.215.14", family: 4 };
const PRIVATE = { address: "127.0.0.1", family: 4 };

/** What hosts resolve to, one answer after another, the last for ever. */
const resolving = (...answers: (readonly { address: string; family: number }[])[]): Resolve => {
  let asked = 0;
  return async () => answers[Math.min(asked++, answers.length - 1)] ?? [];
};
const targets = (resolve: Resolve = resolving([PUBLIC])) =>
  createTargets({ allowPrivate: false, ownHosts: [], ports: [80, 443], resolve });
const signal = new AbortController().signal;

describe("addresses", () => {
  test.for([
    "0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.0.9 169.254.169.254 172.16.0.1 172.31.255.255",
    "192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255",
    ":: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::",
    "3fff::1 5f00::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 fe80::1%eth0 nonsense",
  ])("not public: %s", (list) => {
    expect(list.split(" ").filter(isPublicAddress)).toEqual([]);
  });

  test("public ones", () => {
    const list =
      "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 223.1.1.1";
    const list6 = "2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 2003::1";
    expect(`${list} ${list6}`.split(" ").filter((address) => !isPublicAddress(address))).toEqual([]);
  });
});

test("this server's own names and this machine's own addresses, public or not", async () => {
  const ownHosts = ["chat.example.com", "[2606:4700::1111]:8443", "8.8.8.8"];
  const reach = { allowPrivate: false, ownHosts, resolve: resolving([PUBLIC]) };
  for (const own of ["chat.example.com", "chat.example.com.", "[2606:4700::1111]", "8.8.8.8"]) {
    expect(isOwnHost(reach, own), own).toBe(true);
    for (const allowPrivate of [true, false]) {
      const made = createTargets({ ...reach, allowPrivate, ports: [80, 443] });
      expect(await made.refusalOf(`https://${own}/hook`), own).toEqual(expect.any(String));
      const poster = createPoster({ ...reach, allowPrivate, timeoutMs: 2_000 });
      const answer = await poster.post({ url: `https://${own}/`, headers: {}, body: "{}", signal });
      expect(answer, own).toMatchObject({ status: null, text: "the host is this server's own" });
      await poster.close();
    }
  }
  for (const other of ["example.com", "notchat.example.com", "chat.example.com.evil.org", "8.8.4.4"])
    expect(isOwnHost(reach, other), other).toBe(false);
  expect(mayConnectTo(reach, "8.8.4.4", ["8.8.4.4"])).toBe(false);
  expect(mayConnectTo(reach, "8.8.4.4", ["10.0.0.1"])).toBe(true);
  expect(mayConnectTo({ ...reach, allowPrivate: true }, "8.8.4.4", ["8.8.4.4"])).toBe(true);
});

describe("at registration", () => {
  test.for([
    "http://127.0.0.1/",
    "http://0/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://[::1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "ftp://example.org/",
    "http://user:pw@example.org/",
    "https://example.org:22/",
    "https://example.org:25/",
    "https://example.org:6379/",
    "https://example.org:8443/",
    "https://example.org/\r\nhost: other",
    "https://example.org\\@127.0.0.1/",
    "https://example.org/ x",
    "https://",
    "example.org",
    "",
    `https://example.org/${"x".repeat(2_048)}`,
  ])("refused: %j", async (url) => {
    expect(await targets().refusalOf(url)).toEqual(expect.any(String));
  });

  test("localhost by any name, and every record counts", async () => {
    const system = targets(systemResolve);
    expect(await system.refusalOf("http://localhost/")).toEqual(expect.any(String));
    expect(await system.refusalOf("http://localhost./")).toEqual(expect.any(String));
    const mixed = resolving([PUBLIC, { address: "fd00::1", family: 6 }]);
    expect(await targets(mixed).refusalOf("https://example.org/")).toEqual(expect.any(String));
    expect(await targets(resolving([])).refusalOf("https://example.org/")).toEqual(expect.any(String));
    const broken: Resolve = () => Promise.reject(new Error("SERVFAIL"));
    expect(await targets(broken).refusalOf("https://example.org/")).toEqual(expect.any(String));
  });

  test("taken: what is public; with private ones allowed, this machine too", async () => {
    for (const url of [
      "https://example.org/x?y=z",
      "http://example.org",
      "http://8.8.8.8/",
      "https://example.org:80/",
    ])
      expect(await targets().refusalOf(url)).toBeNull();
    const open = createTargets({ allowPrivate: true, ownHosts: [], ports: [], resolve: systemResolve });
    expect(await open.refusalOf("http://127.0.0.1:1234/")).toBeNull();
    expect(await open.refusalOf("http://u:p@127.0.0.1/")).toEqual(expect.any(String));
  });
});

describe("at the connection", () => {
  const postTo = async (url: string, resolve: Resolve, allowPrivate = false) => {
    const poster = createPoster({ allowPrivate, ownHosts: [], resolve, timeoutMs: 2_000 });
    try {
      return await poster.post({ url, headers: { "x-a": "b" }, body: "{}", signal });
    } finally {
      await poster.close();
    }
  };
  const refused = { status: null, text: "the host is not on the public internet" };

  test("a name that has moved to a private address since it was registered", async () => {
    await using receiver = await openReceiver();
    const rebinding = resolving([PUBLIC], [PRIVATE]);
    const url = `http://example.org:${receiver.port}/`;
    expect(
      await createTargets({
        allowPrivate: false,
        ownHosts: [],
        ports: [receiver.port],
        resolve: rebinding,
      }).refusalOf(url),
    ).toBeNull();
    expect(await postTo(url, rebinding)).toMatchObject(refused);
    expect(await postTo(url, resolving([PUBLIC, PRIVATE]))).toMatchObject(refused);
    expect(receiver.received).toHaveLength(0);
  });

  test("an address that needs no look-up, however it is written", async () => {
    await using receiver = await openReceiver();
    for (const host of ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0"]) {
      expect(await postTo(`http://${host}:${receiver.port}/`, systemResolve)).toMatchObject(refused);
    }
    expect(await postTo(`http://localhost:${receiver.port}/`, systemResolve)).toMatchObject(refused);
    expect(receiver.received).toHaveLength(0);
    expect(await postTo(`http://localhost:${receiver.port}/`, systemResolve, true)).toMatchObject({
      status: 204,
    });
  });

  test("the environment's proxies are not asked", async () => {
    await using receiver = await openReceiver();
    await using proxy = await openReceiver();
    process.env.HTTP_PROXY = process.env.http_proxy = process.env.ALL_PROXY = proxy.url;
    try {
      expect(await postTo(`${receiver.url}/x`, systemResolve, true)).toMatchObject({ status: 204 });
    } finally {
      delete process.env.HTTP_PROXY;
      delete process.env.http_proxy;
      delete process.env.ALL_PROXY;
    }
    expect(proxy.received).toHaveLength(0);
    expect(receiver.received).toHaveLength(1);
  });

  test("what is not HTTP at all, and nobody there", async () => {
    await using receiver = await openReceiver();
    expect(await postTo(`https://127.0.0.1:${receiver.port}/`, systemResolve, true)).toMatchObject({
      status: null,
    });
    expect(await postTo("http://127.0.0.1:1/", systemResolve, true)).toMatchObject({
      status: null,
      text: "no answer (ECONNREFUSED)",
    });
    expect(await postTo("http://nowhere.invalid/", resolving([]), true)).toMatchObject({
      status: null,
      text: "the host is not known",
    });
  });
});
