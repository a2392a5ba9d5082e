import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../src/config.ts";
import { readPlainYaml } from "./support/plain-yaml.ts";

const read = (file: string): string =>
  readFileSync(new URL(`../../../deploy/${file}`, import.meta.url), "utf8");
// What the test knows of a file it says by its expectations.
// biome-ignore lint/suspicious/noExplicitAny: any shape may be there
const documents = (file: string): any[] => readPlainYaml(read(file));
const SECRET = "yEHBXlSWlGQcrlYp2hM1SYOcNLbFcPTX0YNTmCtMbcM=";

/** What the image sets before anything else does. */
const imageEnv = (): Record<string, string> =>
  Object.fromEntries(
    (/^ENV (.*)$/m.exec(read("Dockerfile"))?.[1] ?? "")
      .split(" ")
      .map((pair) => pair.split("=") as [string, string]),
  );

test("plain YAML is read as it is meant, and what is more than plain is refused", () => {
  const source = 'a:\n  - b: 1\n    c: "x: y"\n  - d\n# no\ne: true\nf:\n---\ng: 1:2';
  expect(readPlainYaml(source)).toEqual([{ a: [{ b: 1, c: "x: y" }, "d"], e: true, f: null }, { g: "1:2" }]);
  for (const bad of ["a: &b c", "a: [1]", "a: |\n  b", "a: 1\na: 2", "a: 1\n   b: 2", "a: 'x'", "a: b # c"]) {
    expect(() => readPlainYaml(bad), bad).toThrow();
  }
});

describe("the image", () => {
  test("is run by a plain user, and the server hears signals itself", () => {
    const file = read("Dockerfile");
    const last = file.slice(file.lastIndexOf("\nFROM "));
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^CMD \["node", "packages\/server\/src\/main\.ts"\]$/m);
    expect(last.indexOf("\nUSER ")).toBeLessThan(last.indexOf("\nCMD "));
    for (const [, image] of file.matchAll(/^FROM (\S+)/gm))
      expect(image).toMatch(/^[a-z]+:\d+-bookworm-slim$/);
    const { NODE_ENV, ...options } = imageEnv();
    expect(NODE_ENV).toBe("production");
    expect(loadConfig({ ...options, JWT_SECRET: SECRET }, [])).toMatchObject({
      port: 8080,
      dataDir: "/data",
    });
    expect(last).toContain(`EXPOSE ${options.PORT}`);
    expect(last).toContain(`VOLUME ${options.DATA_DIR}`);
  });
});

describe("docker-compose.yaml", () => {
  const [{ services, volumes, networks }] = documents("docker-compose.yaml");

  test("gives the servers options that they take, over one database and one Redis", () => {
    const { NODE_ENV: _, ...image } = imageEnv();
    const { environment, extends: base } = services["server-1"];
    expect(base).toBeUndefined();
    expect(services["server-2"]).toEqual({ extends: { service: "server-1" } });
    const config = loadConfig({ ...image, ...environment, JWT_SECRET: SECRET }, []);
    expect(config).toMatchObject({
      mode: "jwt",
      host: "0.0.0.0",
      redisUrl: { nodes: [{ host: "redis", port: 6379 }] },
    });
    const database = new URL(config.databaseUrl as string);
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = services.postgres.environment;
    expect([database.hostname, database.username, database.password, database.pathname]).toEqual([
      "postgres",
      POSTGRES_USER,
      POSTGRES_PASSWORD,
      `/${POSTGRES_DB}`,
    ]);
    expect(config.blobsUrl?.startsWith(`${config.dataDir}/`)).toBe(true);
    expect(config.trustProxy).toEqual([networks.default.ipam.config[0].subnet]);
    expect(Number.parseInt(services["server-1"].stop_grace_period, 10)).toBeGreaterThanOrEqual(
      config.drainSeconds + 10,
    );
  });

  test("names only services and volumes that there are, and images by a version", () => {
    for (const [name, service] of Object.entries<(typeof services)[string]>(services)) {
      for (const needed of Object.keys(service.depends_on ?? {}))
        expect(services, name).toHaveProperty(needed);
      for (const [, volume] of (service.volumes ?? []).map((one: string) => /^([a-z]+):/.exec(one) ?? [])) {
        if (volume !== undefined) expect(volumes, name).toHaveProperty(volume);
      }
      if (service.image !== undefined && service.build === undefined) expect(service.image).toMatch(/:\d/);
      for (const published of service.ports ?? []) expect(name, published).toBe("proxy");
    }
  });

  test("its load balancer knows both servers, passes sockets on and outlives a heartbeat", () => {
    const nginx = read("nginx.conf");
    for (const name of ["server-1", "server-2"]) expect(nginx).toMatch(new RegExp(`server ${name}:8080 `));
    expect(nginx).toMatch(/hash \$remote_addr/);
    for (const name of ["Host", "X-Forwarded-For", "Upgrade", "Connection"])
      expect(nginx).toContain(`proxy_set_header ${name} `);
    const config = loadConfig({ JWT_SECRET: SECRET }, []);
    expect(Number(/proxy_read_timeout (\d+)s/.exec(nginx)?.[1])).toBeGreaterThan(2 * config.heartbeatSeconds);
    expect(Number(/client_max_body_size (\d+)m/.exec(nginx)?.[1])).toBeGreaterThan(config.maxFileSizeMb);
    expect(nginx.split("{")).toHaveLength(nginx.split("}").length);
  });
});

describe("the Kubernetes manifests", () => {
  const all = ["server.yaml", "config.yaml", "ingress.yaml"].flatMap((file) =>
    documents(`kubernetes/${file}`),
  );
  const of = (kind: string) => all.find((one) => one.kind === kind);
  const { NODE_ENV: _, ...image } = imageEnv();
  const config = loadConfig({ ...image, ...of("ConfigMap").data, ...of("Secret").stringData }, []);
  const { spec: pod, metadata } = of("Deployment").spec.template;
  const [container] = pod.containers;

  test("are what they say, under one name, and name one another", () => {
    for (const { apiVersion, kind, metadata: own } of all) {
      expect(apiVersion, kind).toMatch(/^([a-z.0-9]+\/)?v1$/);
      expect(own.name, kind).toBe("parlance");
    }
    for (const { spec } of [of("Service"), of("PodDisruptionBudget"), of("Deployment")]) {
      expect(spec.selector.matchLabels ?? spec.selector).toEqual(metadata.labels);
    }
    expect(container.ports).toEqual([{ name: "http", containerPort: config.port }]);
    expect(of("Service").spec.ports[0].targetPort).toBe("http");
    expect(of("Ingress").spec.rules[0].http.paths[0].backend.service).toEqual({
      name: "parlance",
      port: { name: of("Service").spec.ports[0].name },
    });
    const mounted = container.volumeMounts.map((one: { name: string }) => one.name);
    expect(mounted).toEqual(pod.volumes.map((one: { name: string }) => one.name));
  });

  test("give options that the server takes, and more than one pod a place for files that all see", () => {
    expect(config).toMatchObject({ mode: "jwt", redisUrl: { topology: "standalone" } });
    expect(of("Deployment").spec.replicas).toBeGreaterThan(1);
    expect(config.blobsUrl).toMatch(/^s3:/);
  });

  test("stop gracefully, are probed where the server answers, and may do no more than they must", () => {
    const { preStop } = container.lifecycle;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      config.drainSeconds + 10 + preStop.sleep.seconds,
    );
    expect(container.livenessProbe.httpGet).toEqual({ path: "/health", port: "http" });
    expect(container.startupProbe.httpGet.path).toBe("/health");
    expect(container.readinessProbe.httpGet.path).toBe("/ready");
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.resources).toMatchObject({
      requests: { cpu: expect.any(String), memory: expect.any(String) },
      limits: { memory: expect.any(String) },
    });
    expect(of("Deployment").spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
  });
});
