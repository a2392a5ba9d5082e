/** Who a pane is and where it talks. Every dialect reads the prefixed spelling of the conversation's id. */
export interface Seat {
  readonly me: string;
  readonly peer: string;
  readonly conversation: string;
  /** Whether requests ask the server to be capricious; asked before each. */
  readonly isCapricious: () => boolean;
}

/** One message as it came, whatever it came in. */
export interface Heard {
  readonly seq: number;
  readonly sender: string;
  readonly text: string;
  /** What was on the wire. */
  readonly raw: string;
}

export type State = "connecting" | "live" | "cut";

/** What a client says to its pane. */
export interface Tell {
  state(state: State): void;
  heard(heard: Heard): void;
}

export interface DialectClient {
  /** Opens the connection; after `cut` it goes on from where it was. */
  connect(): void;
  /** Loses the connection and stays away. */
  cut(): void;
  /** Resolves when the message is stored. Under its key it is sent until it is answered, also after a cut. */
  send(text: string, key: string): Promise<void>;
}

export type CreateClient = (seat: Seat, tell: Tell) => DialectClient;

/** A request that is made again, under the key it has, until the server has answered it. */
export async function untilAnswered(ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const response = await ask().catch(() => null);
    if (response !== null && response.status < 500) return response;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** An address of this server's sockets. */
export const socketUrl = (path: string): string => `${location.origin.replace(/^http/, "ws")}${path}`;
