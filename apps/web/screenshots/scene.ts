import sharp from "sharp";
import type { ServerProcess } from "../../../packages/server/test/support/server.ts";

const PEOPLE = {
  ada: "Ada Lovelace",
  charles: "Charles Babbage",
  mary: "Mary Somerville",
  grace: "Grace Hopper",
  alan: "Alan Turing",
} as const;
type Person = keyof typeof PEOPLE;

/** A drawing that could be somebody's. */
const CHART = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="360" viewBox="0 0 800 360">
<rect width="800" height="360" fill="#f4f6fb"/>
<g stroke="#d5dbea"><path d="M60 60H760M60 130H760M60 200H760M60 270H760"/></g>
<path d="M60 300C160 290 200 250 280 236S430 190 500 140 660 70 760 62" fill="none" stroke="#3452d1" stroke-width="6"/>
<path d="M60 305C180 300 300 292 420 270S660 232 760 214" fill="none" stroke="#e08a2e" stroke-width="6"/>
<g font-family="sans-serif" font-size="22" fill="#414a5c"><text x="60" y="40">Durable messages a second, by batch size</text>
<text x="690" y="100" fill="#3452d1">lanes</text><text x="650" y="250" fill="#b96a12">one by one</text></g></svg>`;

export interface Shown {
  /** The group that is looked at. */
  readonly title: string;
  /** A message in it that has a thread. */
  readonly threadText: string;
}

/** Fills a server in open mode with people who have something to say to one another. */
export async function fillScene(server: ServerProcess): Promise<Shown> {
  const tokens = new Map<Person, string>();
  const as = async (person: Person): Promise<Record<string, string>> => {
    if (!tokens.has(person)) {
      const { body } = await server.request("/api/dev/token", {
        body: { user: idOf(person), name: PEOPLE[person] },
      });
      tokens.set(person, body.token);
    }
    return { authorization: `Bearer ${tokens.get(person)}` };
  };
  const ask = async (person: Person, method: string, path: string, body?: unknown) => {
    const headers = await as(person);
    const answer = await server.request(`/api/chat${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  };
  const say = (person: Person, id: number, content: string, more: object = {}) =>
    ask(person, "POST", `/conversations/${id}/messages`, { content, ...more });
  const group = (person: Person, name: string, others: readonly Person[], description = "") =>
    ask(person, "POST", "/conversations", { name, description, userIds: others.map(idOf) });
  const direct = (person: Person, other: Person) =>
    ask(person, "POST", `/conversations/direct/${idOf(other)}`);

  for (const person of Object.keys(PEOPLE) as Person[]) {
    await ask(person, "PUT", "/users/me", { name: PEOPLE[person] });
  }

  const books = await group("mary", "Reading circle", ["ada", "grace"]);
  await say("mary", books.id, "Chapter four is *much* better than three");
  await ask("ada", "PUT", `/conversations/${books.id}/mute?muted=true`);
  const alan = await direct("alan", "ada");
  await say("alan", alan.id, "Can a machine be polite? I have a draft");
  await say("ada", alan.id, "Send it over, I am curious");
  await ask("ada", "POST", `/conversations/${alan.id}/read`);
  const mary = await direct("mary", "ada");
  await say("mary", mary.id, "Tea at four?");
  const grace = await direct("grace", "ada");
  await say("grace", grace.id, "Found it. It was a moth 🦋");
  await say("grace", grace.id, "Taped it into the log book");

  const engine = await group(
    "ada",
    "Difference engine",
    ["charles", "mary", "grace"],
    "Wheels, cards and numbers",
  );
  await ask("ada", "PUT", `/conversations/${engine.id}/pin?pinned=true`);
  const first = await say(
    "charles",
    engine.id,
    "Good morning! The second mill runs since six. **54,000** numbers a second, and not one lost.",
  );
  await say("grace", engine.id, "That is with cards written to disk, or without?");
  await say(
    "charles",
    engine.id,
    "With. I kept the raw values:\n```\nbatch   p50      p99\n   1    0.9 ms   2.1 ms\n 512    3.4 ms   8.9 ms\n```",
  );
  const png = await sharp(Buffer.from(CHART)).png().toBuffer();
  const upload = await fetch(`${server.url}/api/chat/attachments`, {
    method: "POST",
    headers: { ...(await as("charles")), "content-type": "image/png", "x-file-name": "by-batch-size.png" },
    body: new Uint8Array(png),
  });
  const { data: picture } = (await upload.json()) as { data: { id: string } };
  const chart = await say("charles", engine.id, "And as a picture:", { attachmentIds: [picture.id] });
  await say("mary", engine.id, "@Ada Lovelace, does that fit your note on the cards?");
  for (const [person, emoji] of [
    ["ada", "🎉"],
    ["grace", "🎉"],
    ["mary", "🎉"],
    ["grace", "👍"],
  ] as const) {
    await ask(person, "POST", `/messages/${first.id}/reactions`, { emoji });
  }
  await ask("mary", "POST", `/messages/${chart.id}/reactions`, { emoji: "😍" });
  await say("ada", engine.id, "Is the upper line with two lanes?", { parentMessageId: chart.id });
  await say("charles", engine.id, "Two, yes. A third brings nothing on this machine.", {
    parentMessageId: chart.id,
  });
  for (const person of ["ada", "charles", "mary", "grace"] as const) {
    await ask(person, "POST", `/conversations/${engine.id}/read`);
  }
  return { title: "Difference engine", threadText: "And as a picture:" };
}

export const nameOf = (person: Person): string => PEOPLE[person];
const idOf = (person: Person): string => PEOPLE[person].toLowerCase().replaceAll(" ", "-");
