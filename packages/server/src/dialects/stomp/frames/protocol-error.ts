import { Refusal } from "@parlance/protocol/errors.ts";

/** A client that does not speak STOMP as it should: told with an ERROR frame, and its connection ends. */
export class ProtocolError extends Refusal {
  constructor(message: string, code: "invalid" | "too_large" = "invalid") {
    super(code, message);
    this.name = "ProtocolError";
  }
}
