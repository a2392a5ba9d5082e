/** A line to another process that keeps the order of what is said, such as the IPC of a child process. */
export interface Port {
  post(message: unknown): void;
  /** Only what comes from now on. */
  listen(heard: (message: unknown) => void): void;
}

/** What is asked of the other end, by name. */
export interface Peer {
  /** Resolves to its answer; rejects where it failed there, and where nobody is there any more. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown>;
  /** The same without an answer. */
  say(method: string, ...args: readonly unknown[]): void;
  /** The other end is gone. */
  gone(): void;
}

interface Asked {
  readonly method: string;
  readonly args: readonly unknown[];
  /** Null: nobody waits for an answer. */
  readonly id: number | null;
}
interface Answered {
  readonly answer: number;
  readonly value?: unknown;
  readonly failed?: string;
}

export type Serve = (method: string, args: readonly unknown[]) => unknown;

/** @param serve works on what the other end asks; what comes in is begun in its order */
export function connectPeer(port: Port, serve: Serve): Peer {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;

  const answer = async ({ method, args, id }: Asked): Promise<void> => {
    try {
      const value = await serve(method, args);
      if (id !== null) port.post({ answer: id, value } satisfies Answered);
    } catch (error) {
      if (id !== null) port.post({ answer: id, failed: String(error) } satisfies Answered);
    }
  };

  port.listen((message) => {
    const heard = message as Asked | Answered;
    if ("method" in heard) {
      void answer(heard);
      return;
    }
    const settle = waiting.get(heard.answer);
    waiting.delete(heard.answer);
    if (heard.failed === undefined) settle?.resolve(heard.value);
    else settle?.reject(new Error(heard.failed));
  });

  return {
    call(method, ...args) {
      const id = ++calls;
      const waits = Promise.withResolvers<unknown>();
      waiting.set(id, waits);
      port.post({ method, args, id } satisfies Asked);
      return waits.promise;
    },
    say(method, ...args) {
      port.post({ method, args, id: null } satisfies Asked);
    },
    gone() {
      for (const { reject } of waiting.values()) reject(new Error("the other process is gone"));
      waiting.clear();
    },
  };
}
