import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSocket, sendRaw, statusOf } from "../../src/http/testing/raw-http.ts";
import { openStompScene, type StompScene } from "./support/listener.ts";
import { openConnected } from "./support/raw-client.ts";
import { get, post, stream } from "./support/sockjs-http.ts";

let scene: StompScene;
beforeAll(async () => {
  scene = await openStompScene({
    env: { MAX_FRAMES_PER_SECOND: "2000", MAX_SEND_QUEUE_BYTES: "1MiB", TRUST_PROXY: "127.0.0.1" },
    session: { maxBodyBytes: 100_000 },
    // Large responses: what the kernel takes of a small one is not ours to cut.
    sockjs: { disconnectMs: 1_000, maxSessionsPerAddress: 50, maxResponseBytes: 64 * 1024 * 1024 },
  });
});
afterAll(() => scene.close());

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_500; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`never: ${what}`);
}

let ids = 0;
/** A session over HTTP that has connected and hears `/topic/flood`; what it was told so far is polled away. */
async function openPolled(login: string): Promise<string> {
  const url = `${scene.url}/stomp/0/l${++ids}`;
  await post(`${url}/xhr`);
  await send(url, `CONNECT\naccept-version:1.2\nlogin:${login}\n\n\0`);
  await send(url, "SUBSCRIBE\nid:0\ndestination:/topic/flood\n\n\0");
  expect((await post(`${url}/xhr`)).body).toContain("CONNECTED");
  return url;
}

function send(url: string, ...frames: string[]): ReturnType<typeof post> {
  return post(`${url}/xhr_send`, JSON.stringify(frames));
}

/** Tells listeners of `/topic/flood` so many megabytes. */
async function flood(megabytes: number): Promise<void> {
  for (let i = 0; i < megabytes * 10; i++) {
    scene.broker.publish("/topic/flood", String(i), "x".repeat(100_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const isGone = (login: string) => () => scene.broker.log.includes(`${login} is gone`);

test("of who has not connected no body is kept, however it is announced; of who has, one of that size is", async () => {
  for (const [i, head] of ["", "content-length:90000\n"].entries()) {
    const url = `${scene.url}/stomp/0/b${i}`;
    await post(`${url}/xhr`);
    await send(url, `CONNECT\naccept-version:1.2\nlogin:body\n${head}\n${"x".repeat(80_000)}`);
    expect((await post(`${url}/xhr`)).body).toContain("The body is too large");
  }
  const url = await openPolled("body");
  await send(url, `SEND\ndestination:/topic/nowhere\n\n${"x".repeat(80_000)}`);
  const polled = post(`${url}/xhr`);
  await send(url, "\0DISCONNECT\nreceipt:bye\n\n\0");
  expect((await polled).body).not.toContain("too large");
});

describe("who does not read", () => {
  test("a session that nobody polls keeps so much, then ends; who asks is told to come back", async () => {
    const url = await openPolled("unpolled");
    await flood(1);
    expect(isGone("unpolled")()).toBe(false);
    await flood(3);
    expect(isGone("unpolled")()).toBe(true);
    expect((await post(`${url}/xhr`)).body).toContain("slow consumer, come back and resume");
    expect((await post(`${url}/xhr`)).body).toBe('c[4008,"slow consumer, come back and resume"]\n');
  });

  test.each(["xhr_streaming", "eventsource"])("%s: the connection is cut soon after", async (kind) => {
    const url = await openPolled(kind);
    const socket = await openSocket(scene.url);
    const method = kind === "eventsource" ? "GET" : "POST";
    socket.write(`${method} ${new URL(url).pathname}/${kind} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`);
    await once(socket, "data");
    socket.pause();
    const closed = once(socket, "close");
    await flood(20);
    await until(isGone(kind), "its end");
    // A client that reads again in time would get the rest, and keep its connection.
    await sleep(2_500);
    socket.resume();
    await closed;
    expect(scene.broker.sessions.size).toBe(0);
  });

  test("a WebSocket", async () => {
    const client = await openConnected(scene.url, { login: "deaf" });
    client.send("SUBSCRIBE\nid:0\ndestination:/topic/flood\nreceipt:r\n\n\0");
    await client.until("RECEIPT");
    client.socket.pause();
    await flood(20);
    await until(isGone("deaf"), "its end");
    client.socket.terminate();
  });

  test("others are told all of it meanwhile", async () => {
    const reader = await openConnected(scene.url, { login: "reader" });
    reader.send("SUBSCRIBE\nid:0\ndestination:/topic/flood\nreceipt:r\n\n\0");
    await reader.until("RECEIPT");
    await openPolled("unpolled2");
    await flood(5);
    await until(isGone("unpolled2"), "the end of who does not read");
    await until(() => reader.frames.length === 52, "everything");
    reader.socket.terminate();
  });
});

describe("who sends too much", () => {
  test("a request is answered when there is room for more; too many beside one another are refused", async () => {
    const url = await openPolled("eager");
    await send(url, "SEND\ndestination:/app/hold\n\n\0");
    const frame = `SEND\ndestination:/app/nothing\n\n${"x".repeat(90_000)}\0`;
    const answers: number[] = [];
    const sending = Array.from({ length: 6 }, () =>
      send(url, frame).then(({ status }) => answers.push(status)),
    );
    await until(() => answers.length === 2, "the refusals");
    await sleep(200);
    expect(answers).toEqual([429, 429]);
    const polling = post(`${url}/xhr`);
    scene.broker.release();
    await Promise.all(sending);
    expect(answers.slice(2)).toEqual([204, 204, 204, 204]);
    await send(url, "DISCONNECT\nreceipt:bye\n\n\0");
    expect((await polling).body).toContain("receipt-id:bye");
  });

  test("messages faster than the limit end the session; more of them in one request than that are refused", async () => {
    const url = await openPolled("fast");
    expect((await send(url, ...Array.from({ length: 2_001 }, () => "\n"))).status).toBe(413);
    await send(url, ...Array.from({ length: 1_500 }, () => "\n"));
    await send(url, ...Array.from({ length: 1_500 }, () => "\n"));
    expect((await post(`${url}/xhr`)).body).toContain("too fast");
    expect((await post(`${url}/xhr`)).body).toContain("c[4029");
  });

  test("a frame that is too large, or none: told in an ERROR, then the close frame", async () => {
    for (const [frame, code] of [
      [`SEND\ndestination:/app/nothing\n\n${"x".repeat(100_001)}\0`, 1009],
      ["nonsense\n\n\0", 1002],
    ] as const) {
      const url = await openPolled("broken");
      expect((await send(url, frame)).status).toBe(204);
      expect((await post(`${url}/xhr`)).body).toMatch(/^a\["ERROR\\n/);
      expect((await post(`${url}/xhr`)).body).toMatch(new RegExp(`^c\\[${code},`));
    }
  });
});

describe("who opens too much", () => {
  test("sessions are counted by address until they are forgotten", async () => {
    const open = (address: string) =>
      post(`${scene.url}/echo/0/c${++ids}/xhr`, "", { "x-forwarded-for": address });
    await until(() => scene.echo.sessions === 0, "an empty house");
    const opened = await Promise.all(Array.from({ length: 60 }, () => open("198.51.100.7")));
    expect(opened.filter(({ status }) => status === 200)).toHaveLength(50);
    const refused = opened.find(({ status }) => status === 429);
    expect(refused?.headers["retry-after"]).toBe("5");
    expect((await open("198.51.100.8")).status).toBe(200);
    await until(() => scene.echo.sessions === 0, "the end of all");
    expect((await open("198.51.100.7")).status).toBe(200);
  });

  test("two thousand that are never polled leave nothing", async () => {
    for (let i = 0; i < 2_000; i += 50) {
      const opening = Array.from({ length: 50 }, (_, n) =>
        i % 100 === 0
          ? post(`${scene.url}/echo/0/n${++ids}/xhr`, "", { "x-forwarded-for": `203.0.113.${n}` })
          : get(`${scene.url}/echo/0/n${++ids}/info`),
      );
      await Promise.all(opening);
    }
    await until(() => scene.echo.sessions === 0, "the end of all");
  });

  test("streams that are broken off at once leave nothing", async () => {
    for (let i = 0; i < 200; i++) {
      const streaming = await stream(`${scene.url}/echo/0/b${++ids}/xhr_streaming`, "POST");
      streaming.destroy();
      // Fifty at once is the limit, and an ended session is remembered for a while.
      await until(() => scene.echo.sessions < 50, "room");
    }
    await until(() => scene.echo.sessions === 0, "the end of all");
  });
});

describe("bytes that are no such thing", () => {
  const host = () => new URL(scene.url).host;

  test("upgrades on every path are answered, and harm nothing", async () => {
    for (const path of [
      "/echo",
      "/echo/",
      "/echo/info",
      "/echo/a/b/xhr",
      "/echo/a/b/xhr_send",
      "/echo/iframe.html",
      "/nowhere",
    ]) {
      for (const headers of [
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: websocket\r\nConnection: close",
        "Upgrade: foo\r\nConnection: Upgrade",
      ]) {
        const answer = await sendRaw(
          scene.url,
          `GET ${path} HTTP/1.1\r\nHost: ${host()}\r\n${headers}\r\n\r\n`,
          500,
        );
        expect([200, 400, 404, 405], `${path} ${headers}`).toContain(statusOf(answer));
      }
    }
    for (const path of ["/echo/a/b/websocket", "/echo/websocket", "/ws-raw"]) {
      const answer = await sendRaw(
        scene.url,
        `GET ${path} HTTP/1.1\r\nHost: ${host()}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
        500,
      );
      expect([400, 426], path).toContain(statusOf(answer));
    }
    expect((await get(`${scene.url}/echo/info`)).status).toBe(200);
  });

  test("paths and bodies", async () => {
    const lines = [
      "POST /echo/%00/%00/xhr HTTP/1.1",
      "POST /echo/%2e%2e/%2e%2e/xhr HTTP/1.1",
      `POST /echo/0/${"a".repeat(10_000)}/xhr HTTP/1.1`,
      "POST /echo/0/__proto__/xhr_send HTTP/1.1",
      "POST /echo/0/constructor/xhr_send HTTP/1.1",
    ];
    for (const line of lines) {
      const answer = await sendRaw(scene.url, `${line}\r\nHost: ${host()}\r\nContent-Length: 0\r\n\r\n`, 300);
      expect([200, 404], line).toContain(statusOf(answer));
    }
    const sockets: Socket[] = [];
    for (let i = 0; i < 20; i++) {
      const socket = await openSocket(scene.url);
      socket.write(
        `POST /echo/0/half/xhr_send HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 1000\r\n\r\n["`,
      );
      sockets.push(socket);
    }
    for (const socket of sockets) socket.resetAndDestroy();
    expect((await get(`${scene.url}/echo/info`)).status).toBe(200);
    expect(scene.lines().filter((line) => line.includes('"error"'))).toEqual([]);
  });
});
