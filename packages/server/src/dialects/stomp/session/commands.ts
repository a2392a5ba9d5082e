import { LostAnswer, Refusal } from "@parlance/protocol/errors.ts";
import type { Frame } from "../frames/parser.ts";
import { ProtocolError } from "../frames/protocol-error.ts";
import { type StompVersion, VERSIONS } from "../frames/version.ts";
import type { StompClient } from "./application.ts";
import { agreeOnHeartBeats, NO_HEART_BEATS } from "./heart-beats.ts";
import { MAX_TOPIC } from "./records.ts";
import type { StompSession } from "./session.ts";

/** Of what a client chooses and the server gives back: receipts, subscription ids. */
const MAX_ID_LENGTH = 255;
const ACK_MODES: ReadonlySet<string> = new Set(["auto", "client", "client-individual"]);

/** Works on one frame of a connected client; what it throws as a `ProtocolError` ends the connection. */
type Handler = (session: StompSession, client: StompClient, frame: Frame) => Promise<void> | void;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ["SEND", send],
  ["SUBSCRIBE", subscribe],
  ["UNSUBSCRIBE", unsubscribe],
  ["ACK", acknowledge],
  ["NACK", acknowledge],
  ["DISCONNECT", disconnect],
  ["BEGIN", refuseTransaction],
  ["COMMIT", refuseTransaction],
  ["ABORT", refuseTransaction],
]);

/** Resolves when the next frame may be begun. */
export async function takeFrame(session: StompSession, frame: Frame): Promise<void> {
  try {
    const isConnect = frame.command === "CONNECT" || frame.command === "STOMP";
    if (frame.body.length > 0 && frame.command !== "SEND" && session.version !== "1.0") {
      throw new ProtocolError("Of all frames that a client sends only SEND may have a body");
    }
    checkId("receipt", frame.headers.get("receipt"));
    if (session.client === null) {
      if (!isConnect) throw new ProtocolError("The first frame must be CONNECT or STOMP");
      await connect(session, frame);
      return;
    }
    if (isConnect) throw new ProtocolError("The connection is connected already");
    const handler = HANDLERS.get(frame.command);
    if (handler === undefined) throw new ProtocolError("The command is not one of STOMP's");
    await handler(session, session.client, frame);
  } catch (error) {
    const receipt = frame.headers.get("receipt");
    const isEcho = receipt !== undefined && receipt.length <= MAX_ID_LENGTH;
    session.fail(session.refusalOf(error), isEcho ? [["receipt-id", receipt]] : []);
  }
}

async function connect(session: StompSession, frame: Frame): Promise<void> {
  const { headers } = frame;
  const version = negotiate(headers.get("accept-version"));
  if (version === null) {
    session.fail(new ProtocolError("No version in common"), [["version", VERSIONS.toReversed().join(",")]]);
    return;
  }
  const beats =
    version === "1.0"
      ? NO_HEART_BEATS
      : agreeOnHeartBeats(headers.get("heart-beat"), session.limits.heartBeatMs);
  const client = await session.application.connect(session, headers);
  if (session.ended) {
    client.gone();
    return;
  }
  session.connected(client, version, beats);
  session.receipt(frame);
}

/** The newest version both know; a client that names none speaks 1.0. */
function negotiate(accepted: string | undefined): StompVersion | null {
  const offered = new Set((accepted ?? "1.0").split(",").map((version) => version.trim()));
  return VERSIONS.find((version) => offered.has(version)) ?? null;
}

async function send(session: StompSession, client: StompClient, frame: Frame): Promise<void> {
  required(frame, "destination");
  refuseInTransaction(frame);
  await new Promise<void>((resolve) => {
    const work = settle(session, client, frame, () => client.send(frame, resolve))
      .catch((error: unknown) => session.fail(session.refusalOf(error)))
      .finally(resolve);
    session.underWay.add(work);
    void work.finally(() => session.underWay.delete(work));
  });
}

async function subscribe(session: StompSession, client: StompClient, frame: Frame): Promise<void> {
  const { headers } = frame;
  const destination = required(frame, "destination");
  const id = subscriptionId(session, frame);
  const ack = headers.get("ack") ?? "auto";
  if (!ACK_MODES.has(ack)) throw new ProtocolError("ack is not auto, client or client-individual");
  if (headers.has("selector")) throw new ProtocolError("There are no selectors");
  const { subscriptions } = session;
  if (subscriptions.size >= session.limits.maxSubscriptions) {
    throw new ProtocolError("The connection has too many subscriptions", "too_large");
  }
  const topic = client.topicOf(destination);
  if (topic === null) {
    client.refused(new Refusal("not_found", "There is no such destination"), frame);
    return;
  }
  if (topic > MAX_TOPIC) throw new RangeError("a topic is over the largest");
  const subscription = { id, destination, topic };
  if (!subscriptions.add(subscription, ack !== "auto", session.version, session.spelling)) {
    throw new ProtocolError("The subscription's id is taken");
  }
  await settle(session, client, frame, async () => {
    try {
      await client.subscribed(subscription, headers);
    } catch (error) {
      subscriptions.remove(id, destination);
      throw error;
    }
  });
}

function unsubscribe(session: StompSession, client: StompClient, frame: Frame): void {
  const id = subscriptionId(session, frame);
  const destination = id === null ? required(frame, "destination") : "";
  const removed = session.subscriptions.remove(id, destination);
  if (removed === undefined) throw new ProtocolError("There is no such subscription");
  client.unsubscribed(removed);
  session.receipt(frame);
}

/** Messages are stored and a client resumes: there is nothing to give back, and no harm in saying so. */
function acknowledge(session: StompSession, _: StompClient, frame: Frame): void {
  refuseInTransaction(frame);
  session.receipt(frame);
}

/** Its receipt says that everything before it is done, SENDs too. */
async function disconnect(session: StompSession, _: StompClient, frame: Frame): Promise<void> {
  await Promise.all(session.underWay);
  session.receipt(frame);
  session.goodbye();
}

function refuseTransaction(): never {
  throw new ProtocolError("There are no transactions");
}

function refuseInTransaction(frame: Frame): void {
  if (frame.headers.has("transaction")) refuseTransaction();
}

/** Answers with the receipt, or lets the application tell of the refusal; an answer that is to be lost is neither. */
async function settle(
  session: StompSession,
  client: StompClient,
  frame: Frame,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!session.ended && !(error instanceof LostAnswer)) client.refused(session.refusalOf(error), frame);
    return;
  }
  session.receipt(frame);
}

function subscriptionId(session: StompSession, frame: Frame): string | null {
  const id = frame.headers.get("id");
  if (id === undefined && session.version !== "1.0") throw new ProtocolError("The frame has no id");
  checkId("id", id);
  return id ?? null;
}

function required(frame: Frame, name: string): string {
  const value = frame.headers.get(name);
  if (value === undefined) throw new ProtocolError(`The frame has no ${name}`);
  return value;
}

function checkId(name: string, value: string | undefined): void {
  if (value !== undefined && value.length > MAX_ID_LENGTH) {
    throw new ProtocolError(`${name} is longer than ${MAX_ID_LENGTH} characters`, "too_large");
  }
}
