import type { CpuProfile } from "./inspector.ts";

/** The way of a message (docs: design, "The way of a message"), and what is no stage of ours. */
export const STAGES = [
  "decode",
  "door",
  "writer",
  "sql",
  "bus",
  "fan-out",
  "encode",
  "socket",
  "gc",
  "native",
  "other",
] as const;
export type Stage = (typeof STAGES)[number];

/** A place in the code: a stage, or a question that only the callers can answer. */
type Place = Stage | "dialect" | "node" | "unknown";

const PLACES: readonly [pattern: RegExp, place: Place][] = [
  [/packages\/server\/src\/(dialects|transports)\//, "dialect"],
  [/packages\/protocol\//, "dialect"],
  [/packages\/server\/src\/core\//, "door"],
  [/packages\/server\/src\/writer\//, "writer"],
  [/packages\/server\/src\/delivery\//, "fan-out"],
  [/packages\/server\/src\/adapters\/store\//, "sql"],
  [/packages\/server\/src\/adapters\/bus\//, "bus"],
  [/packages\/server\//, "other"],
  [/node_modules\/pg(-[a-z]+)?\//, "sql"],
  [/node_modules\/(ws|engine\.io|socket\.io[a-z-]*)\//, "socket"],
  [/node_modules\/typebox\//, "decode"],
  [/^node:/, "node"],
];

const PSEUDO: ReadonlyMap<string, Place> = new Map([
  ["(garbage collector)", "gc"],
  ["(program)", "native"],
]);

/** Verbs with which a dialect's functions that face outwards begin. */
const FACES_OUT = /^(encode|render|frame|serial|stringify|write|push|deliver|send|to[A-Z])/;

function placeOf(functionName: string, url: string): Place {
  const pseudo = PSEUDO.get(functionName);
  if (pseudo) return pseudo;
  for (const [pattern, place] of PLACES) if (pattern.test(url)) return place;
  return "unknown";
}

/** The stage of a function, given the stage of whatever called it. */
function stageOf(functionName: string, url: string, caller: Stage): Stage {
  const place = placeOf(functionName, url);
  switch (place) {
    case "dialect":
      if (caller === "fan-out" || caller === "encode") return "encode";
      return FACES_OUT.test(functionName) ? "encode" : "decode";
    case "node":
      // Node's own streams under the SQL client are the SQL client's; elsewhere they are the socket.
      return caller === "sql" ? "sql" : "socket";
    case "unknown":
      return caller;
    default:
      return place;
  }
}

/** Microseconds of self time by stage. Idle time is left out. */
export function stagesOf(profile: CpuProfile): Record<Stage, number> {
  const totals = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const stages = new Map<number, Stage | "idle">();
  const isChild = new Set(profile.nodes.flatMap((node) => node.children ?? []));

  const pending: [id: number, caller: Stage][] = profile.nodes
    .filter((node) => !isChild.has(node.id))
    .map((node) => [node.id, "other"]);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [id, caller] = next;
    const node = byId.get(id)!;
    const { functionName, url } = node.callFrame;
    const isRoot = functionName === "(root)";
    const stage = isRoot ? "other" : stageOf(functionName, url, caller);
    stages.set(id, functionName === "(idle)" ? "idle" : stage);
    for (const child of node.children ?? []) pending.push([child, stage]);
  }

  profile.samples.forEach((id, index) => {
    const stage = stages.get(id);
    if (stage && stage !== "idle") totals[stage] += profile.timeDeltas[index] ?? 0;
  });
  return totals;
}
