import { Agent, request } from "node:http";

/** Connections that stay open to one server. */
export type Http = {
  /** @throws Error when the answer is no 2xx */
  get(path: string): Promise<string>;
  post(path: string, body: object): Promise<string>;
  close(): void;
};

export function openHttp(port: number, token?: string): Http {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };

  const ask = (method: string, path: string, body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const asking = request({ host: "127.0.0.1", port, method, path, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${status} ${text.slice(0, 200)}`));
        });
      });
      asking.on("error", reject);
      asking.end(body);
    });

  return {
    get: (path) => ask("GET", path),
    post: (path, body) => ask("POST", path, JSON.stringify(body)),
    close: () => agent.destroy(),
  };
}
