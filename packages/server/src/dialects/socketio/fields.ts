import { Refusal } from "@parlance/protocol/errors.ts";
import { conversationOf } from "../spelled-ids.ts";

/** The fields of the document in both its spellings: snake_case, and camelCase as its web client has them. */
const CAMEL = {
  conversation_id: "conversationId",
  user_id: "userId",
  user_name: "userName",
  sender_id: "senderId",
  content: "content",
  message_type: "messageType",
  media_url: "mediaUrl",
  client_id: "clientId",
  since: "since",
  epoch: "epoch",
} as const;

type Name = keyof typeof CAMEL;

/** The payload of an event; what has another shape than it should is refused with `invalid`. */
export class Fields {
  readonly #given: Readonly<Record<string, unknown>>;

  /** @param payload an object, or the bare id of a conversation */
  constructor(payload: unknown) {
    if (typeof payload === "string" || typeof payload === "number")
      this.#given = { conversation_id: payload };
    else if (typeof payload === "object" && payload !== null && !Array.isArray(payload)) {
      this.#given = payload as Readonly<Record<string, unknown>>;
    } else {
      throw new Refusal("invalid", "The payload must be an object, or the id of a conversation");
    }
  }

  /** Undefined where it is not given, or null. */
  text(name: Name): string | undefined {
    const value = this.#read(name);
    if (value === undefined || typeof value === "string") return value;
    throw new Refusal("invalid", `${name} must be a text`);
  }

  /** A text, or a number in place of it. */
  id(name: Name): string | undefined {
    const value = this.#read(name);
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
    if (value === undefined || typeof value === "string") return value;
    throw new Refusal("invalid", `${name} must be a text`);
  }

  /** A whole number, not negative. */
  count(name: Name): number | undefined {
    const value = this.#read(name);
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) {
      return value as number | undefined;
    }
    throw new Refusal("invalid", `${name} must be a whole number`);
  }

  conversation(): number {
    const spelling = this.#read("conversation_id");
    if (spelling === undefined) throw new Refusal("invalid", "conversation_id is missing");
    return conversationOf(spelling);
  }

  #read(name: Name): unknown {
    const snake = this.#given[name] ?? undefined;
    const camel = this.#given[CAMEL[name]] ?? undefined;
    if (snake !== undefined && camel !== undefined && snake !== camel) {
      throw new Refusal("invalid", `${name} is given twice`);
    }
    return snake ?? camel;
  }
}
