import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { sendRaw, statusOf } from "./testing/raw-http.ts";
import { drainAll, type Running, start, upgrade } from "./testing/start-listener.ts";

let open: Running;
beforeAll(async () => {
  open = await start({ OPEN_MODE_HOSTS: "phone.lan" });
});
afterAll(drainAll);

describe("sockets", () => {
  test("a handler has its path, or all that start with it", async () => {
    const socket = new WebSocket(`${open.url.replace("http", "ws")}/ws?user_id=alice`);
    const echoed = new Promise((resolve) => socket.once("message", (data) => resolve(String(data))));
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send("hello");
    expect(await echoed).toBe("hello");
    socket.close();
    expect(statusOf(await sendRaw(open.url, upgrade("/prefix/any/where")))).toBe(299);
  });

  test.each([
    ["another version", upgrade("/ws").replace("Version: 13", "Version: 7"), [400, 426]],
    ["no key", upgrade("/ws").replace(/Sec-WebSocket-Key.*\r\n/, ""), [400]],
    ["a bad key", upgrade("/ws", "", "short"), [400]],
    ["a bad subprotocol list", upgrade("/ws", `Sec-WebSocket-Protocol: ${"a,".repeat(100)}\r\n`), [400]],
    ["an unknown path", upgrade("/nowhere"), [404]],
    ["a longer path", upgrade("/ws/more"), [404]],
    ["a POST", upgrade("/ws", "Content-Length: 3\r\n", undefined, "POST"), [400, 405]],
    ["another protocol", upgrade("/ws").replace("Upgrade: websocket", "Upgrade: foo"), [400]],
  ])("with %s are refused at once (WS13, WS14)", async (_, request, statuses) => {
    const started = performance.now();
    const answer = await sendRaw(open.url, request);
    expect(statuses).toContain(statusOf(answer));
    expect(performance.now() - started).toBeLessThan(1500);
  });

  test("refusals have the form of their scope", async () => {
    expect(await sendRaw(open.url, upgrade("/ws/more"))).toContain('{"success":false,"code":"not_found"');
    expect(await sendRaw(open.url, upgrade("/nowhere"))).toContain('{"error":{"code":"not_found"');
  });

  test("an upgrade right behind a request waits for its answer (WS14)", async () => {
    const slow = "GET /things/slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    expect(await sendRaw(open.url, `${slow}${upgrade("/ws")}`, 600)).toMatch(
      /^HTTP\/1\.1 200 .*\{"slow":true\}HTTP\/1\.1 101 /s,
    );
    expect(await sendRaw(open.url, `${slow}${upgrade("/nowhere")}`)).toMatch(
      /^HTTP\/1\.1 200 .*\{"slow":true\}HTTP\/1\.1 404 /s,
    );
  });

  test("an offer of HTTP/2 is no upgrade", async () => {
    const request =
      "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    expect(statusOf(await sendRaw(open.url, request, 300))).toBe(200);
  });

  test("a thousand refused ones leave nothing open (WS14)", async () => {
    const connections = (): Promise<number> =>
      new Promise((resolve) => open.listener.app.server.getConnections((_, count) => resolve(count)));
    const before = await connections();
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, () => sendRaw(open.url, upgrade("/nowhere"))));
    }
    await expect.poll(connections, { timeout: 3000 }).toBeLessThanOrEqual(before);
  });
});
