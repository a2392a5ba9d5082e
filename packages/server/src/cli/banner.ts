import type { Mode } from "../config.ts";

export interface BannerFacts {
  readonly version: string;
  readonly url: string;
  readonly mode: Mode;
  readonly store: string;
  readonly durability: string;
}

const MODES: Readonly<Record<Mode, string>> = {
  open: "OPEN: no key is configured, so whoever reaches this port may act as any user.\n           For more than trying out, set JWT_SECRET or JWT_JWKS_URL.",
  jwt: "jwt: every request needs a token",
};

/** What the one who started the server sees: where it is, whom it believes, where data lives, what to try. */
export function banner({ version, url, mode, store, durability }: BannerFacts): string {
  return [
    "",
    `  Parlance ${version} listens on ${url}`,
    "",
    `  mode     ${MODES[mode]}`,
    `  data     ${store}`,
    `  durable  ${durability}`,
    `  browser  ${url}/ is a chat app, ${url}/dialects shows all dialects at once`,
    "",
    "  What to try next:",
    "",
    ...(mode === "open" ? openTrials(url) : jwtTrials(url)).map((line) => `  ${line}`),
    "",
    "",
  ].join("\n");
}

/** A conversation over REST, a message into it over a WebSocket, and what its receiver finds. */
function openTrials(url: string): readonly string[] {
  const socket = `${url.replace(/^http/, "ws")}/ws?user_id=alice`;
  const script =
    `const w=new WebSocket("${socket}"),s=(event,payload)=>w.send(JSON.stringify({event,payload}));` +
    'w.onopen=()=>s("conversation.open",{participants:["alice","bob"]});' +
    "w.onmessage=({data})=>{console.log(data);const{event,payload:p}=JSON.parse(data);" +
    'if(event==="conversation.opened")s("message.send",{conversation_id:p.conversation_id,sender_id:"alice",' +
    'message_id:"hello-"+Date.now(),content:"Hello, Bob",timestamp:Date.now()});' +
    'if(event==="message.ack"||event==="error")w.close()}';
  return [
    `curl -X POST ${url}/api/v1/chats -H 'content-type: application/json' -d '{"participants":["alice","bob"]}'`,
    `npx node -e '${script}'`,
    `curl ${url}/api/v1/chats/bob`,
  ];
}

function jwtTrials(url: string): readonly string[] {
  return [
    `curl ${url}/ready`,
    `curl -X POST ${url}/api/v1/chats -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"participants":["YOU","bob"]}'`,
    `curl ${url}/api/v1/chats/YOU -H "authorization: Bearer $TOKEN"`,
  ];
}
