import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseRunAs } from "../../src/adapters/store/embedded/run-as.ts";
import { openSpeaker } from "../support/say-everywhere.ts";
import { openScene, scratchDirectory } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

const PROGRAM = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find(existsSync);
const PORT = 6432;

function describeWithPgBouncer(name: string, tests: () => void): void {
  if (PROGRAM !== undefined) describe(name, tests);
  else describe.skip(`${name} (skipped: no pgbouncer on this machine)`, tests);
}

describeWithPgBouncer("with PgBouncer in session mode in between", () => {
  test("all works, and heals when it was killed", async () => {
    await using scene = await openScene("bouncer");
    const { host, port, user, database } = scene.database.connection;
    const directory = scratchDirectory();
    const configuration = join(directory, "pgbouncer.ini");
    mkdirSync(join(directory, "s"));
    writeFileSync(join(directory, "users"), `"${user}" ""\n`);
    writeFileSync(
      configuration,
      `[databases]
${database} = host=${host} port=${port} user=${user}
[pgbouncer]
listen_addr =
listen_port = ${PORT}
unix_socket_dir = ${join(directory, "s")}
auth_type = trust
auth_file = ${join(directory, "users")}
pool_mode = session
default_pool_size = 20
`,
    );
    const { prefix } = await chooseRunAs(directory);
    const start = async (): Promise<ChildProcess> => {
      const [command = "", ...args] = [...prefix, PROGRAM as string, "-q", configuration];
      const child = spawn(command, args, { stdio: "ignore" });
      await expect
        .poll(() => existsSync(join(directory, "s", `.s.PGSQL.${PORT}`)), { timeout: 10_000 })
        .toBe(true);
      return child;
    };
    const kill = async (child: ChildProcess): Promise<void> => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      rmSync(join(directory, "s", `.s.PGSQL.${PORT}`), { force: true });
    };
    let bouncer = await start();
    try {
      const url = `postgres://${user}@localhost/${database}?host=${encodeURIComponent(join(directory, "s"))}&port=${PORT}`;
      const server = await scene.start({ DATABASE_URL: url });
      const speaker = await openSpeaker(server);
      await speaker.untilHeard();
      const ann = await connect(server, { user: "ann" });
      const conversation = await openConversation(ann, ["bob"]);
      for (let i = 0; i < 50; i++) await say(ann, conversation, `m${i}`);
      expect((await server.request(`/api/v1/chat/${conversation}?limit=50`)).body.messages).toHaveLength(50);

      await kill(bouncer);
      const { websocket } = await speaker.say("to nobody");
      expect(websocket.ok).toBe(false);
      bouncer = await start();
      await speaker.untilHeard();
      await say(ann, conversation, "after");
      await Promise.all([speaker.close(), ann.close()]);
    } finally {
      await kill(bouncer);
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
