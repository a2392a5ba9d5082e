import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in ticks of 10 ms (USER_HZ is 100 on every architecture Node runs on). */
const TICK_MICROSECONDS = 10_000;

type Stat = { pid: number; state: string; parent: number; microseconds: number };

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The command stands in brackets and may itself hold brackets and spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // utime, stime, and those of reaped children, so that a backend that ends is not lost from the sum.
  const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  return { pid, state: fields[0]!, parent: Number(fields[1]), microseconds: ticks * TICK_MICROSECONDS };
}

function allStats(): Stat[] {
  const stats: Stat[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = readStat(pid);
    if (stat) stats.push(stat);
  }
  return stats;
}

function hasWord(pid: number, word: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(word);
  } catch {
    return false;
  }
}

/** Every process below `root`, and every one that names `directory` on its command line with those below it. */
export function processTree(root: number, directory: string): number[] {
  // What has ended and only waits to be reaped is no longer there.
  const stats = allStats().filter((stat) => stat.state !== "Z");
  const found = new Set(
    stats.filter(({ pid }) => pid === root || hasWord(pid, directory)).map(({ pid }) => pid),
  );
  found.delete(process.pid);
  for (let grown = true; grown; ) {
    grown = false;
    for (const stat of stats) {
      if (!found.has(stat.pid) && found.has(stat.parent)) {
        found.add(stat.pid);
        grown = true;
      }
    }
  }
  return [...found];
}

export function childrenOf(parent: number): number[] {
  return allStats().flatMap((stat) => (stat.parent === parent && stat.state !== "Z" ? [stat.pid] : []));
}

/** CPU used so far, in microseconds: the server's own process, its other processes, and the whole machine. */
export type Usage = { server: number; database: number; machine: number; at: number };

function machineMicroseconds(): number {
  const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0]!;
  const [user, nice, system, , , irq, softirq] = line.trim().split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq!) * TICK_MICROSECONDS;
}

/** `server` may be 0 (there is none); `directory` names the data directory that its database runs in. */
export function usageOf(server: number, directory: string): Usage {
  let own = 0;
  let database = 0;
  for (const pid of processTree(server, directory)) {
    const stat = readStat(pid);
    if (!stat) continue;
    if (pid === server) own += stat.microseconds;
    else database += stat.microseconds;
  }
  return { server: own, database, machine: machineMicroseconds(), at: performance.now() };
}

export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return match ? Number(match[1]) * 1024 : 0;
}

/** What the kernel holds for sockets: buffers of TCP and slab objects (sockets, files, epoll items), in bytes. */
export function kernelBytes(): number {
  const tcp = /^TCP: .* mem (\d+)/m.exec(readFileSync("/proc/net/sockstat", "latin1"));
  const slab = /^Slab:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "latin1"));
  return Number(tcp?.[1] ?? 0) * 4096 + Number(slab?.[1] ?? 0) * 1024;
}

/** The most descriptors a process may have open; Node raises its soft limit to this by itself. */
export function descriptorLimit(): number {
  const match = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
  return match ? Number(match[1]) : 1_000_000;
}
