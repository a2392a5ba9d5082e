/* Lets the app open without the server: what it is made of is kept when it is opened with it. */
const CACHE = "parlance-%VERSION%";
const FILES = ["/", ..."%FILES%".split(" ")];
/** Whoever has no network that says so waits no longer than this for the page. */
const PATIENCE_MS = 5_000;

self.addEventListener("install", (event) => {
  const kept = caches.open(CACHE).then((cache) => cache.addAll(FILES));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches
    .keys()
    .then((names) => names.filter((name) => name.startsWith("parlance-") && name !== CACHE));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname === "/") event.respondWith(newestPage(request));
  else if (FILES.includes(pathname)) event.respondWith(keptOr(request));
});

/** As the server has it now, so that an upgrade is seen with the next load; without it, as it was. */
async function newestPage(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    const kept = await caches.match("/");
    if (kept === undefined) throw error;
    return kept;
  }
}

async function keptOr(request) {
  return (await caches.match(request)) ?? (await fetch(request));
}
