import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openStompScene, type StompScene } from "./support/listener.ts";
import { type Answer, get, post, type Stream, stream } from "./support/sockjs-http.ts";

/** The cases of sockjs-protocol 0.3.3 for what is offered; where we differ the name of the test says so. */

let scene: StompScene;
let echo: string;
let close: string;
beforeAll(async () => {
  scene = await openStompScene({
    env: { MAX_BODY_BYTES: "64KiB", ALLOWED_ORIGINS: "https://app.example.org" },
    sockjs: { maxResponseBytes: 4_096, disconnectMs: 1_000, heartbeatMs: 600, maxMessages: 10 },
  });
  echo = `${scene.url}/echo`;
  close = `${scene.url}/close`;
});
afterAll(() => scene.close());

let ids = 0;
const session = (base: string): string => `${base}/000/s${++ids}`;

function expectUncached({ headers }: Pick<Answer, "headers">): void {
  expect(headers["cache-control"]).toBe("no-store, no-cache, must-revalidate, max-age=0");
  expect(headers["set-cookie"]).toBe(undefined);
}

describe("pages", () => {
  test("the greeting, and nothing beside what there is", async () => {
    for (const path of ["", "/"]) {
      const { status, headers, body } = await get(echo + path);
      expect([status, body, headers["content-type"]]).toEqual([
        200,
        "Welcome to SockJS!\n",
        "text/plain; charset=UTF-8",
      ]);
    }
    for (const path of [
      "/a",
      "/a.html",
      "//",
      "///",
      "/a/a",
      "/a/a/",
      "/a/",
      "/infox",
      "/iframe.htm",
      "/iframe",
      "/IFRAME.HTML",
      "/iframe.HTML",
      "/iframe.xml",
      "/iframe-/.html",
    ]) {
      expect((await get(echo + path)).status, path).toBe(404);
    }
  });

  test("the iframe page is cacheable, the same for all names, and runs nothing", async () => {
    const first = await get(`${echo}/iframe.html`);
    for (const name of ["iframe-a.html", "iframe-.html", "iframe-0.1.2abc-dirty.2144.html?t=qweqweq123"]) {
      expect(await get(`${echo}/${name}`)).toMatchObject({ status: 200, body: first.body });
    }
    expect(first.headers["content-type"]).toBe("text/html; charset=UTF-8");
    expect(first.headers["cache-control"]).toBe("public, max-age=31536000");
    expect(first.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(first.body).not.toMatch(/script|http/i);
    const again = await get(`${echo}/iframe.html`, { "if-none-match": first.headers.etag as string });
    expect([again.status, again.body]).toEqual([304, ""]);
  });

  test("info", async () => {
    const one = await get(`${echo}/info`);
    expectUncached(one);
    expect(one.headers["content-type"]).toBe("application/json; charset=utf-8");
    const info = JSON.parse(one.body);
    expect(info).toEqual({
      websocket: true,
      origins: ["*:*"],
      cookie_needed: false,
      entropy: expect.any(Number),
    });
    expect(JSON.parse((await get(`${echo}/info`)).body).entropy).not.toBe(info.entropy);
    expect(JSON.parse((await get(`${scene.url}/disabled_websocket_echo/info`)).body).websocket).toBe(false);
  });

  test("preflights name the methods; they are cached as long as everywhere here", async () => {
    for (const [path, methods] of [
      ["/info", "OPTIONS, GET"],
      ["/abc/abc/xhr", "OPTIONS, POST"],
      ["/abc/abc/xhr_send", "OPTIONS, POST"],
      ["/abc/abc/xhr_streaming", "OPTIONS, POST"],
      ["/abc/abc/eventsource", "OPTIONS, GET"],
    ]) {
      const { status, body, headers } = await get(
        echo + path,
        { origin: "https://app.example.org", "access-control-request-method": "POST" },
        "OPTIONS",
      );
      expect([status, body, headers["access-control-allow-methods"]]).toEqual([204, "", methods]);
      expect(headers["access-control-allow-origin"]).toBe("https://app.example.org");
      expect(headers["access-control-allow-credentials"]).toBe("true");
    }
  });

  test("pages of other origins may not open or read anything", async () => {
    for (const origin of ["https://evil.example", "null"]) {
      for (const [path, method] of [
        ["/info", "GET"],
        ["/a/evil/xhr", "POST"],
        ["/a/evil/eventsource", "GET"],
      ]) {
        const { status, headers } = await get(echo + path, { origin }, method);
        expect([status, headers["access-control-allow-origin"]]).toEqual([403, undefined]);
        expect(headers["access-control-allow-credentials"]).toBe(undefined);
      }
    }
  });

  test("wrong methods, and transports that are not offered", async () => {
    for (const [path, method, allow] of [
      ["/a/a/xhr", "GET", "OPTIONS, POST"],
      ["/a/a/eventsource", "POST", "OPTIONS, GET"],
      ["/a/a/websocket", "POST", "OPTIONS, GET"],
      ["/info", "POST", "OPTIONS, GET"],
    ]) {
      const { status, headers } = await get(echo + path, {}, method);
      expect([status, headers.allow]).toEqual([405, allow]);
    }
    expect((await get(`${echo}/a/a/xhr`, {}, "DELETE")).status).toBe(405);
    for (const path of [
      "/a/a/jsonp?c=x",
      "/a/a/jsonp_send",
      "/a/a/htmlfile?c=x",
      `/a/a/jsonp?c=${"x".repeat(10_000)}`,
    ]) {
      expect((await get(echo + path)).status).toBe(404);
      expect((await post(echo + path, "d=x")).status).toBe(404);
    }
    expect((await get(`${scene.url}/disabled_websocket_echo/a/a/websocket`)).status).toBe(404);
  });
});

describe("session paths", () => {
  test("any server and session, without dots and not empty", async () => {
    for (const path of ["/a/a", "/_/_", "/1/1", "/abcdefgh_i-j%20/abcdefg_i-j%20"]) {
      expect(await post(`${echo}${path}/xhr`)).toMatchObject({ status: 200, body: "o\n" });
    }
    for (const path of ["//", "/a./a", "/a/a.", "/./.", "/", "///", `/a/${"x".repeat(129)}`]) {
      expect((await get(`${echo}${path}/xhr`)).status, path).toBe(404);
      expect((await post(`${echo}${path}/xhr`)).status, path).toBe(404);
    }
  });

  test("the server's part means nothing", async () => {
    expect((await post(`${echo}/000/same/xhr`)).body).toBe("o\n");
    expect((await post(`${echo}/000/same/xhr_send`, '["a"]')).status).toBe(204);
    expect((await post(`${echo}/999/same/xhr`)).body).toBe('a["a"]\n');
  });

  test("a session is only found with what it was opened with", async () => {
    const url = session(echo);
    expect((await post(`${url}/xhr?token=one`)).body).toBe("o\n");
    expect((await post(`${url}/xhr_send?token=two`, '["a"]')).status).toBe(404);
    expect((await post(`${url}/xhr_send`, '["a"]')).status).toBe(404);
    expect((await post(`${url}/xhr_send`, '["a"]', { authorization: "Bearer one" })).status).toBe(404);
    expect((await post(`${url}/xhr?token=two`)).body).toBe("o\n");
    expect((await post(`${url}/xhr_send?token=one`, '["b"]')).status).toBe(204);
    expect((await post(`${url}/xhr?token=one`)).body).toBe('a["b"]\n');
  });
});

describe("xhr", () => {
  test("opens, takes messages, gives them back", async () => {
    const url = session(echo);
    const opened = await post(`${url}/xhr`);
    expect([opened.status, opened.body, opened.headers["content-type"]]).toEqual([
      200,
      "o\n",
      "application/javascript; charset=UTF-8",
    ]);
    expectUncached(opened);
    const sent = await post(`${url}/xhr_send`, '["x","y"]');
    expect([sent.status, sent.body, sent.headers["content-type"]]).toEqual([
      204,
      "",
      "text/plain; charset=UTF-8",
    ]);
    expectUncached(sent);
    expect((await post(`${url}/xhr`)).body).toBe('a["x","y"]\n');
  });

  test("a poll waits for what comes", async () => {
    const url = session(echo);
    await post(`${url}/xhr`);
    const polling = post(`${url}/xhr`);
    await post(`${url}/xhr_send`, '["late"]');
    expect((await polling).body).toBe('a["late"]\n');
  });

  test("unknown sessions, broken and missing bodies", async () => {
    expect((await post(`${echo}/000/unknown/xhr_send`, '["x"]')).status).toBe(404);
    const url = session(echo);
    await post(`${url}/xhr`);
    for (const body of [
      '["x',
      "x",
      "{}",
      "null",
      "1",
      "[1]",
      '[["x"]]',
      '["a",null]',
      Buffer.from('["\xc3\x28"]', "latin1"),
    ]) {
      expect(await post(`${url}/xhr_send`, body)).toMatchObject({
        status: 500,
        body: "Broken JSON encoding.",
      });
    }
    expect(await post(`${url}/xhr_send`, "")).toMatchObject({ status: 500, body: "Payload expected." });
    const strings = JSON.stringify(Array.from({ length: 11 }, () => "x"));
    expect((await post(`${url}/xhr_send`, strings)).status).toBe(413);
    expect((await post(`${url}/xhr_send`, `["${"x".repeat(70_000)}"]`)).status).toBe(413);
    const chunked = request(`${url}/xhr_send`, {
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
    });
    chunked.on("error", () => {});
    for (let i = 0; i < 10; i++) chunked.write("x".repeat(10_000));
    const [response] = await once(chunked, "response");
    expect(response.statusCode).toBe(413);
    chunked.destroy();
    expect((await post(`${url}/xhr_send`, '["a"]')).status).toBe(204);
    expect((await post(`${url}/xhr`)).body).toBe('a["a"]\n');
  });

  test("any content type", async () => {
    const url = session(echo);
    await post(`${url}/xhr`);
    const types = ["text/plain", "T", "application/json", "application/xml", "", "text/xml; charset=utf-8"];
    for (const type of types) {
      expect((await post(`${url}/xhr_send`, '["a"]', { "content-type": type })).status).toBe(204);
    }
    expect((await post(`${url}/xhr`)).body).toBe(`a[${types.map(() => '"a"').join(",")}]\n`);
  });

  test("what browsers mangle comes escaped; lone halves of characters do not survive UTF-8, and become U+FFFD", async () => {
    const url = session(echo);
    await post(`${url}/xhr`);
    const mangled = [...Array(65_536).keys()].filter(
      (code) =>
        (code >= 0x200c && code <= 0x200f) ||
        (code >= 0x2028 && code <= 0x202f) ||
        (code >= 0x2060 && code <= 0x206f) ||
        code >= 0xfff0,
    );
    await post(`${url}/xhr_send`, JSON.stringify([String.fromCharCode(...mangled)]));
    const escapes = mangled.map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("");
    expect((await post(`${url}/xhr`)).body).toBe(`a["${escapes}"]\n`);
    await post(`${url}/xhr_send`, '["\\ud800\\u0000\\ud83d\\ude00"]');
    expect(JSON.parse((await post(`${url}/xhr`)).body.slice(1))).toEqual(["\ufffd\0😀"]);
  });
});

describe("streams", () => {
  const wires = {
    xhr_streaming: { prelude: `${"h".repeat(2_048)}\n`, of: (frame: string) => `${frame}\n` },
    eventsource: { prelude: "\r\n", of: (frame: string) => `data: ${frame}\r\n\r\n` },
  } as const;
  const open = (url: string, kind: keyof typeof wires): Promise<Stream> =>
    stream(`${url}/${kind}`, kind === "eventsource" ? "GET" : "POST");

  test.each(["xhr_streaming", "eventsource"] as const)("%s: prelude, opening, messages", async (kind) => {
    const url = session(echo);
    const { prelude, of } = wires[kind];
    const streaming = await open(url, kind);
    expect(streaming.headers["content-type"]).toBe(
      kind === "eventsource" ? "text/event-stream; charset=UTF-8" : "application/javascript; charset=UTF-8",
    );
    expectUncached(streaming);
    await streaming.until(prelude + of("o"));
    await post(`${url}/xhr_send`, '["x"]');
    await streaming.until(prelude + of("o") + of('a["x"]'));
    await post(`${url}/xhr_send`, '["  \\u0000\\n\\r "]');
    await streaming.until(prelude + of("o") + of('a["x"]') + of('a["  \\u0000\\n\\r "]'));
    streaming.destroy();
  });

  test("eventsource: a percent sign is escaped, for the client decodes", async () => {
    const url = session(echo);
    const streaming = await open(url, "eventsource");
    await post(`${url}/xhr_send`, '["100%25 é"]');
    await streaming.until('\r\ndata: o\r\n\r\ndata: a["100%2525 é"]\r\n\r\n');
    streaming.destroy();
  });

  test.each(["xhr_streaming", "eventsource"] as const)(
    "%s ends when it is full, and the next goes on",
    async (kind) => {
      const url = session(echo);
      const { prelude, of } = wires[kind];
      const streaming = await open(url, kind);
      const message = "x".repeat(128);
      let expected = prelude + of("o");
      while (expected.length - prelude.length < 4_096) {
        await post(`${url}/xhr_send`, `["${message}"]`);
        expected += of(`a["${message}"]`);
      }
      expect(await streaming.ended).toBe(expected);
      await post(`${url}/xhr_send`, '["between"]');
      const next = await open(url, kind);
      await next.until(prelude + of('a["between"]'));
      next.destroy();
    },
  );
});

describe("ends", () => {
  test("whoever asks is told until it is forgotten", async () => {
    const url = session(close);
    expect((await post(`${url}/xhr`)).body).toBe("o\n");
    for (let i = 0; i < 2; i++) expect((await post(`${url}/xhr`)).body).toBe('c[3000,"Go away!"]\n');
    expect((await post(`${url}/xhr_send`, '["x"]')).status).toBe(404);
    const streaming = await stream(`${url}/xhr_streaming`, "POST");
    expect(await streaming.ended).toBe(`${"h".repeat(2_048)}\nc[3000,"Go away!"]\n`);
    await sleep(1_500);
    expect((await post(`${url}/xhr`)).body).toBe("o\n");
  });

  test("of a stream: the close frame is its last", async () => {
    const streaming = await stream(`${session(close)}/xhr_streaming`, "POST");
    expect(await streaming.ended).toBe(`${"h".repeat(2_048)}\no\nc[3000,"Go away!"]\n`);
  });

  test("a second receiver is told so, the first goes on", async () => {
    const url = session(echo);
    const first = await stream(`${url}/xhr_streaming`, "POST");
    const second = await stream(`${url}/xhr_streaming`, "POST");
    expect(await second.ended).toBe(`${"h".repeat(2_048)}\nc[2010,"Another connection still open"]\n`);
    expect((await post(`${url}/xhr`)).body).toBe('c[2010,"Another connection still open"]\n');
    await post(`${url}/xhr_send`, '["x"]');
    await first.until(`${"h".repeat(2_048)}\no\na["x"]\n`);
    first.destroy();
  });

  test.each(["xhr_streaming", "xhr"])(
    "of the connection under a receiving %s: the session is interrupted",
    async (kind) => {
      const url = session(echo);
      await post(`${url}/xhr`);
      const receiving = await stream(`${url}/${kind}`, "POST", kind === "xhr");
      expect((await post(`${url}/xhr`)).body).toBe('c[2010,"Another connection still open"]\n');
      receiving.destroy();
      let answer = await post(`${url}/xhr`);
      for (let i = 0; i < 100 && answer.body.startsWith("c[2010"); i++) answer = await post(`${url}/xhr`);
      expect(answer.body).toBe('c[1002,"Connection interrupted"]\n');
      expect((await post(`${url}/xhr_send`, '["x"]')).status).toBe(404);
    },
  );

  test("a session that nobody receives from is over soon, one that is polled is not", async () => {
    const left = session(echo);
    const kept = session(echo);
    await post(`${left}/xhr`);
    await post(`${kept}/xhr`);
    for (let i = 0; i < 4; i++) {
      await sleep(400);
      await post(`${kept}/xhr_send`, '["x"]');
      expect((await post(`${kept}/xhr`)).body).toBe('a["x"]\n');
    }
    expect((await post(`${left}/xhr_send`, '["x"]')).status).toBe(404);
  });

  test("heart-beats keep a poll and a stream from silence", async () => {
    const url = session(echo);
    await post(`${url}/xhr`);
    expect((await post(`${url}/xhr`)).body).toBe("h\n");
    const streaming = await stream(`${url}/xhr_streaming`, "POST");
    await streaming.until(`${"h".repeat(2_048)}\nh\nh\n`);
    streaming.destroy();
  });
});

describe("websocket", () => {
  async function connect(
    base: string,
    path = "/000/ws/websocket",
  ): Promise<{ socket: WebSocket; texts: string[]; closed: Promise<number> }> {
    const socket = new WebSocket(base.replace("http", "ws") + path);
    const texts: string[] = [];
    socket.on("message", (data) => texts.push(data.toString()));
    const closed = new Promise<number>((resolve) => socket.on("close", resolve));
    await once(socket, "open");
    return { socket, texts, closed };
  }
  const until = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !condition(); i++) await sleep(10);
    expect(condition()).toBe(true);
  };

  test("messages, empty ones ignored; the same id may be used by several", async () => {
    const [one, two] = [await connect(echo), await connect(echo)];
    one.socket.send("");
    one.socket.send('["a"]');
    two.socket.send('"b"');
    await until(() => one.texts.length === 2 && two.texts.length === 2);
    expect([one.texts, two.texts]).toEqual([
      ["o", 'a["a"]'],
      ["o", 'a["b"]'],
    ]);
    await until(() => one.texts.includes("h"));
    one.socket.close();
    two.socket.close();
  });

  test("broken framing and binary messages end it", async () => {
    for (const bad of ['["a', "{}", "[1]", Buffer.from('["a"]')]) {
      const client = await connect(echo);
      client.socket.send(bad);
      expect(await client.closed).toBe(1002);
      expect(client.texts).toEqual(["o"]);
    }
  });

  test("the close frame comes before the end", async () => {
    const client = await connect(close);
    await client.closed;
    expect(client.texts).toEqual(["o", 'c[3000,"Go away!"]']);
  });

  test("plain requests are told what it takes, upgrades elsewhere there is nothing", async () => {
    expect(await get(`${echo}/0/0/websocket`)).toMatchObject({
      status: 400,
      body: 'Can "Upgrade" only to "WebSocket".',
    });
    for (const path of [
      "/echo/a/b/xhr",
      "/echo/a/b.c/websocket",
      "/echo/info",
      "/disabled_websocket_echo/a/b/websocket",
    ]) {
      const socket = new WebSocket(`${scene.url.replace("http", "ws")}${path}`);
      const [, response] = await once(socket, "unexpected-response");
      expect(response.statusCode, path).toBe(404);
      response.destroy();
    }
  });

  test("without SockJS at /websocket", async () => {
    const client = await connect(echo, "/websocket");
    client.socket.send("Hello world!\uffff");
    await until(() => client.texts.length === 1);
    expect(client.texts).toEqual(["Hello world!\uffff"]);
    client.socket.close();
  });
});

describe("HTTP", () => {
  test("1.0: no chunks, the end of the connection is the end", async () => {
    const { hostname, port } = new URL(scene.url);
    const { sendRaw } = await import("../../src/http/testing/raw-http.ts");
    const greeting = await sendRaw(scene.url, `GET /echo HTTP/1.0\r\nHost: ${hostname}:${port}\r\n\r\n`);
    expect(greeting).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(greeting).toMatch(/content-length: 19\r\n/i);
    const streaming = await sendRaw(
      scene.url,
      `POST /close/000/http10/xhr_streaming HTTP/1.0\r\nHost: ${hostname}:${port}\r\n\r\n`,
    );
    expect(streaming).not.toMatch(/transfer-encoding|content-length/i);
    expect(streaming.split("\r\n\r\n")[1]).toBe(`${"h".repeat(2_048)}\no\nc[3000,"Go away!"]\n`);
  });
});
