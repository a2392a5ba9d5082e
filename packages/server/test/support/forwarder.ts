import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterConnection } from "../../src/adapters/store/embedded/cluster.ts";

/** A socket before PostgreSQL's own that can lose what goes over it. */
export interface Forwarder extends AsyncDisposable {
  readonly connection: ClusterConnection;
  /**
   * Asked of each piece of an answer, the nth of its connection: true loses it and cuts the connection, after the
   * server has done its work.
   */
  losing: (nth: number) => boolean;
  /** While true nobody is let through: what is connected is cut, what comes is refused. */
  down(down: boolean): void;
  readonly cuts: () => number;
}

export async function startForwarder(to: ClusterConnection): Promise<Forwarder> {
  const directory = mkdtempSync(join(tmpdir(), "parlance-forward-"));
  const file = `.s.PGSQL.${to.port}`;
  const open = new Set<Socket>();
  let isDown = false;
  let cuts = 0;

  const server = createServer((near) => {
    const far = createConnection(join(to.host, file));
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", cut);
      socket.on("close", () => {
        open.delete(socket);
        cut();
      });
    }
    if (isDown) {
      cut();
      return;
    }
    near.on("data", (data) => far.write(data));
    let pieces = 0;
    far.on("data", (data) => {
      if (forwarder.losing(++pieces)) {
        cuts++;
        cut();
      } else near.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(directory, file), resolve));

  const cutAll = () => {
    for (const socket of open) socket.destroy();
  };
  const forwarder: Forwarder = {
    connection: { ...to, host: directory },
    losing: () => false,
    down(down) {
      isDown = down;
      if (down) cutAll();
    },
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return forwarder;
}
