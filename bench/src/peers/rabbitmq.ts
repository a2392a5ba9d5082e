import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { freePort, isListening, killTree, programOf, startChild, stopChild, waitFor } from "./child.ts";
import type { Peer, Running } from "./peer.ts";

/** Before the path: what Debian has there changes user and directory, and only root may start it. */
const OWN_SCRIPTS = ["/usr/lib/rabbitmq/bin"];

const server = (): string | undefined => programOf("rabbitmq-server", OWN_SCRIPTS);
const portMapper = (): string | undefined => programOf("epmd");

/** What the node reads at its start; all of it in its own directory, and nothing of the machine's own node. */
function configure(directory: string, port: number): Record<string, string> {
  const file = (name: string, ...lines: string[]): string => {
    const place = join(directory, name);
    writeFileSync(place, `${lines.join("\n")}\n`);
    return place;
  };
  return {
    RABBITMQ_CONF_ENV_FILE: file("env.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: file("enabled_plugins", "[rabbitmq_web_stomp]."),
    RABBITMQ_CONFIG_FILE: file(
      "rabbitmq.conf",
      "listeners.tcp = none",
      "stomp.listeners.tcp = none",
      "web_stomp.tcp.ip = 127.0.0.1",
      `web_stomp.tcp.port = ${port}`,
      "web_stomp.tcp.backlog = 4096",
      "log.file = false",
      "log.console = true",
      "log.console.level = info",
    ),
    RABBITMQ_MNESIA_BASE: join(directory, "data"),
    RABBITMQ_LOG_BASE: join(directory, "log"),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    // In place of a script that stays and waits for it; a shell of Erlang's nobody would type into.
    RABBITMQ_ALLOW_INPUT: "true",
    RABBITMQ_SERVER_START_ARGS: "-noinput",
  };
}

/** One node, with its web-stomp plugin and a port mapper of its own, so that nothing of it is left behind. */
function rabbitmq(name: string, driver: Peer["driver"], durability: Peer["durability"]): Peer {
  return {
    name,
    driver,
    durability,
    version() {
      const file = portMapper() && server();
      return file && (/rabbitmq_server-([\d.]+)/.exec(realpathSync(file))?.[1] ?? "unknown");
    },
    async start(directory): Promise<Running> {
      mkdirSync(directory, { recursive: true });
      const [port, mapperPort, nodePort] = [await freePort(), await freePort(), await freePort()];
      const env = {
        PATH: `${dirname(portMapper() as string)}:${process.env.PATH}`,
        HOME: directory,
        ERL_EPMD_PORT: String(mapperPort),
        ERL_EPMD_ADDRESS: "127.0.0.1",
        RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
        RABBITMQ_DIST_PORT: String(nodePort),
        ...configure(directory, port),
      };
      const mapper = startChild(portMapper() as string, [], { log: join(directory, "epmd.log"), env });
      // A node that finds none starts one, which outlives it.
      await waitFor(mapper, "epmd", () => isListening(mapperPort));
      const child = startChild(server() as string, [], { log: join(directory, "server.log"), env });
      const stop = async (signal: NodeJS.Signals) => {
        await stopChild(child, signal);
        await stopChild(mapper, signal);
      };
      try {
        const started = () => (child.output().includes("Server startup complete") ? true : undefined);
        await waitFor(child, name, started);
      } catch (error) {
        await stop("SIGKILL");
        throw error;
      }
      return {
        port,
        pid: child.pid,
        directory,
        output: child.output,
        stop: () => stop("SIGTERM"),
        async crash() {
          await killTree(child.pid, directory);
          await stopChild(mapper, "SIGKILL");
        },
      };
    },
  };
}

export const rabbitmqQueues = rabbitmq("RabbitMQ quorum queues", "rabbitmq-queue", "quorum");
export const rabbitmqTopics = rabbitmq("RabbitMQ web-stomp", "rabbitmq-topic", "memory");
